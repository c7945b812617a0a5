//! `prompt!`: a template checked and hashed by the compiler.

// From what is written to what comes out.
mod args;
mod template;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Error, Expr, LitStr, Result};

use self::args::{Args, Text};
use self::template::{hash, identifier, variables};
use crate::args::note;

/// Digits of the hash that stand for a version where none was given.
const VERSION_DIGITS: usize = 12;

pub(crate) fn prompt(tokens: TokenStream) -> TokenStream {
    let args = match syn::parse2::<Args>(tokens) {
        Ok(args) => args,
        Err(error) => return fallback(&error, &[]),
    };
    match Prompt::check(&args) {
        Ok(prompt) => prompt.expand(),
        Err(error) => fallback(&error, &args.values),
    }
}

/// What stands behind the macro, with nothing wrong in it.
struct Prompt<'a> {
    args: &'a Args,
    text: String,
    hash: String,
    /// Names of the variables, and where the value of each comes from.
    values: Vec<(String, TokenStream, Span)>,
}

impl<'a> Prompt<'a> {
    fn check(args: &'a Args) -> Result<Self> {
        let (text, at) = args.text()?;
        let names = variables(&text).map_err(|message| Error::new(at, message))?;
        let mut errors = None;
        let mut seen: Vec<String> = Vec::new();
        for (name, _) in &args.values {
            let written = plain(name);
            if !names.contains(&written) {
                note(&mut errors, Error::new(name.span(), unused(&written, &names)));
            } else if seen.contains(&written) {
                let message = format!("the value of `{written}` is given twice");
                note(&mut errors, Error::new(name.span(), message));
            }
            seen.push(written);
        }
        if let Some(error) = errors {
            return Err(error);
        }
        let value = |name: String| {
            let given = args.values.iter().find(|(given, _)| plain(given) == name);
            let (value, span) = match given {
                Some((given, value)) => (quote!(#value), given.span()),
                None => {
                    let local = identifier(&name, at)?;
                    (quote!(#local), at)
                }
            };
            Ok((name, value, span))
        };
        let values = names.into_iter().map(value).collect::<Result<_>>()?;
        Ok(Self { args, hash: hash(&text), text, values })
    }

    fn expand(self) -> TokenStream {
        let Self { args, text, hash, values } = self;
        let here = Span::mixed_site();
        let krate = &args.krate;
        let rt = quote_spanned!(here=> #krate::__private);
        let name = &args.name;
        let version = match &args.version {
            Some(version) => version.value(),
            None => hash.chars().take(VERSION_DIGITS).collect(),
        };
        let tracked = args.file().map(|file| track(&rt, file));
        let prompt = quote_spanned! {here=>
            &#rt::StaticPrompt { name: #name, version: #version, hash: #hash, text: #text }
        };
        let local = |n: usize| Ident::new(&format!("__llmobs_value_{n}"), here);
        let locals: Vec<_> = (0..values.len()).map(local).collect();
        let borrowed = values.iter().map(|(_, value, span)| {
            let value = parenthesized(value.clone());
            quote_spanned!(*span=> &#value)
        });
        let pairs = values.iter().zip(&locals).map(|((name, _, span), local)| {
            // Where the value stands: that is what cannot be written out, if it cannot.
            let local = Ident::new(&local.to_string(), here.located_at(*span));
            let value = quote_spanned!(here.located_at(*span)=> &#local);
            quote_spanned!(here=> (#name, #value))
        });
        // As in `format!`: what values borrow from lives until the text is made.
        quote_spanned! {here=> {
            #tracked
            let __llmobs_text = match (#(#borrowed,)*) {
                (#(#locals,)*) => #rt::render(#prompt, &[#(#pairs),*]),
            };
            __llmobs_text
        }}
    }
}

/// Makes the compiler look at the file again when it has changed.
fn track(rt: &TokenStream, file: &LitStr) -> TokenStream {
    let path = format!("/{}", file.value());
    quote_spanned! {Span::mixed_site()=>
        const _: #rt::Tracked =
            #rt::include_str!(#rt::concat!(#rt::env!("CARGO_MANIFEST_DIR"), #path));
    }
}

fn parenthesized(value: TokenStream) -> TokenTree {
    let mut group = Group::new(proc_macro2::Delimiter::Parenthesis, value);
    group.set_span(Span::mixed_site());
    TokenTree::Group(group)
}

fn plain(name: &Ident) -> String {
    syn::ext::IdentExt::unraw(name).to_string()
}

fn unused(written: &str, names: &[String]) -> String {
    if written == "version" || written == "file" || written == "crate" {
        return format!("the template has no variable `{written}`; options stand before it");
    }
    match names {
        [] => format!("the template has no variable `{written}`, nor any other"),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("the template has no variable `{written}`; it has {}", names.join(", "))
        }
    }
}

/// The errors, and a text all the same: a mistake in here is none in the code around.
fn fallback(error: &Error, values: &[(Ident, Expr)]) -> TokenStream {
    let errors = error.to_compile_error();
    let values = values.iter().map(|(_, value)| value);
    quote_spanned! {Span::mixed_site()=> {
        #errors
        #(let _ = &(#values);)*
        ::std::string::String::new()
    }}
}

impl Args {
    fn file(&self) -> Option<&LitStr> {
        match &self.template {
            Text::File(file) => Some(file),
            Text::Here(_) => None,
        }
    }

    /// The template, and where it is from.
    fn text(&self) -> Result<(String, Span)> {
        match &self.template {
            Text::Here(text) => Ok((text.value(), text.span())),
            Text::File(file) => Ok((template::read(file)?, file.span())),
        }
    }
}
