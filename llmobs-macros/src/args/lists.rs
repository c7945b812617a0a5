//! Arguments with parentheses of their own.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Expr, LitStr, Result, Token, parenthesized, token};

use super::slot::{note, skip_to_comma};

/// Longest key of a field, in bytes; what the recorder keeps of one.
const KEY: usize = 256;

/// One of `fields(key = expression)`.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
}

/// What `capture(..)` offers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Capture {
    pub(crate) args: bool,
    pub(crate) output: bool,
}

pub(super) fn fields(argument: &Ident, input: ParseStream<'_>) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    list(argument, input, "expected `fields(key = expression)`", |input| {
        let field = field(input)?;
        let key = field.key.value();
        if fields.iter().any(|known| known.key.value() == key) {
            let message = format!("the field `{key}` is given twice");
            return Err(Error::new(field.key.span(), message));
        }
        fields.push(field);
        Ok(())
    })?;
    Ok(fields)
}

fn field(input: ParseStream<'_>) -> Result<Field> {
    const WANTED: &str = "expected `key = expression`";
    let key = key(input)?;
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), WANTED));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(key.span(), WANTED));
    }
    Ok(Field { key, value: input.parse()? })
}

/// A text, or words with dots between them.
fn key(input: ParseStream<'_>) -> Result<LitStr> {
    let key = if input.peek(LitStr) {
        input.parse::<LitStr>()?
    } else if input.peek(Ident::peek_any) {
        let first = input.call(Ident::parse_any)?;
        let mut path = first.unraw().to_string();
        let mut span = first.span();
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            let next = input.call(Ident::parse_any)?;
            path.push('.');
            path.push_str(&next.unraw().to_string());
            span = span.join(next.span()).unwrap_or(span);
        }
        LitStr::new(&path, span)
    } else {
        return Err(input.error("expected a key: a word, words with dots between, or a text"));
    };
    let length = key.value().len();
    if length == 0 {
        return Err(Error::new(key.span(), "a key has at least one character"));
    }
    if length > KEY {
        return Err(Error::new(key.span(), format!("a key has at most {KEY} bytes")));
    }
    Ok(key)
}

pub(super) fn capture(argument: &Ident, input: ParseStream<'_>) -> Result<Capture> {
    let mut capture = Capture::default();
    list(argument, input, "expected `capture(args)`, `capture(output)` or both", |input| {
        let what = word(input, "expected `args` or `output`")?;
        let set = match what.to_string().as_str() {
            "args" => &mut capture.args,
            "output" => &mut capture.output,
            other => {
                let message = format!("unknown `{other}`; expected `args` or `output`");
                return Err(Error::new(what.span(), message));
            }
        };
        if std::mem::replace(set, true) {
            return Err(Error::new(what.span(), format!("`{what}` is given twice")));
        }
        Ok(())
    })?;
    Ok(capture)
}

pub(super) fn skip(argument: &Ident, input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let mut skip: Vec<Ident> = Vec::new();
    list(argument, input, "expected `skip(a, b)`", |input| {
        let name = word(input, "expected the name of an argument")?;
        if name == "self" {
            return Err(Error::new(name.span(), "`self` is never captured"));
        }
        if skip.contains(&name) {
            return Err(Error::new(name.span(), format!("`{name}` is given twice")));
        }
        skip.push(name);
        Ok(())
    })?;
    Ok(skip)
}

fn word(input: ParseStream<'_>, wanted: &str) -> Result<Ident> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error(wanted));
    }
    let word = input.call(Ident::parse_any)?;
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error("expected `,`"));
    }
    Ok(word)
}

/// At least one element, commas between them; every mistake among them is in the error.
fn list(
    argument: &Ident,
    input: ParseStream<'_>,
    wanted: &str,
    mut element: impl FnMut(ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    if !input.peek(token::Paren) {
        return Err(Error::new(argument.span(), wanted));
    }
    let content;
    parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(argument.span(), wanted));
    }
    let mut errors = None;
    while !content.is_empty() {
        if let Err(error) = element(&content) {
            note(&mut errors, error);
            skip_to_comma(&content);
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    errors.map_or(Ok(()), Err)
}
