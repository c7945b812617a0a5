//! The grammar: what may stand between the parentheses.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitStr, Path, Result, Token};

/// Kinds as they are written, and their variants of `StepKind`.
const KINDS: &[(&str, &str)] = &[
    ("prompt", "Prompt"),
    ("router", "Router"),
    ("retriever", "Retrieval"),
    ("reranker", "Rerank"),
    ("embedding", "Embedding"),
    ("tool", "Tool"),
    ("agent", "Agent"),
    ("workflow", "Workflow"),
    ("chain", "Chain"),
    ("guardrail", "Guardrail"),
    ("postprocess", "Postprocess"),
    ("evaluator", "Evaluator"),
    ("llm", "Llm"),
];

/// What the attribute says.
pub(crate) struct Args {
    /// Variant of `StepKind`.
    pub(crate) kind: &'static str,
    pub(crate) name: Option<LitStr>,
    /// The crate to find the runtime in.
    pub(crate) krate: Path,
}

impl Args {
    /// Reads the arguments; every mistake among them is in the error.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut slots = Slots::default();
        let read = |input: ParseStream<'_>| {
            let mut errors = None;
            while !input.is_empty() {
                if let Err(error) = slots.argument(input) {
                    note(&mut errors, error);
                    skip_to_comma(input);
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            errors.map_or(Ok(()), Err)
        };
        read.parse2(tokens)?;
        Ok(Self {
            kind: slots.kind.value.unwrap_or("Chain"),
            name: slots.name.value,
            krate: slots.krate.value.unwrap_or_else(facade),
        })
    }
}

/// The path for those who depend on the facade.
pub(crate) fn facade() -> Path {
    let llmobs = Ident::new("llmobs", Span::mixed_site());
    Path { leading_colon: Some(Token![::](Span::mixed_site())), ..Path::from(llmobs) }
}

/// Every argument there is, set at most once.
struct Slots {
    kind: Slot<&'static str>,
    name: Slot<LitStr>,
    krate: Slot<Path>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { kind: Slot::new("kind"), name: Slot::new("name"), krate: Slot::new("crate") }
    }
}

impl Slots {
    fn argument(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected an argument such as `kind = \"retriever\"`"));
        }
        let argument = input.call(Ident::parse_any)?;
        let written = argument.to_string();
        match written.as_str() {
            "kind" => {
                let value = string(&argument, input)?;
                self.kind.set(&argument, kind(&value)?)
            }
            "name" => {
                let value = string(&argument, input)?;
                if value.value().is_empty() {
                    return Err(Error::new(value.span(), "a name has at least one character"));
                }
                self.name.set(&argument, value)
            }
            "crate" => {
                let path = path(&argument, input)?;
                self.krate.set(&argument, path)
            }
            _ => Err(Error::new(argument.span(), unknown(&written))),
        }
    }
}

/// One argument's value.
struct Slot<T> {
    name: &'static str,
    value: Option<T>,
}

impl<T> Slot<T> {
    fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    /// Sets the value; the second time is an error.
    fn set(&mut self, argument: &Ident, value: T) -> Result<()> {
        if self.value.replace(value).is_some() {
            return Err(Error::new(
                argument.span(),
                format!("the argument `{}` is given twice", self.name),
            ));
        }
        Ok(())
    }
}

fn string(argument: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    value(argument, input, &format!("expected `{argument} = \"…\"`"), |input| input.parse())
}

fn path(argument: &Ident, input: ParseStream<'_>) -> Result<Path> {
    value(argument, input, "expected a path, as in `crate = llmobs_core`", Path::parse_mod_style)
}

fn value<T>(
    argument: &Ident,
    input: ParseStream<'_>,
    wanted: &str,
    parse: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(argument.span(), wanted));
    }
    input.parse::<Token![=]>()?;
    let at = if input.is_empty() { argument.span() } else { input.span() };
    parse(input).map_err(|_| Error::new(at, wanted))
}

fn kind(written: &LitStr) -> Result<&'static str> {
    let value = written.value();
    let known = KINDS.iter().find(|(name, _)| *name == value);
    known.map(|(_, variant)| *variant).ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|(name, _)| format!("`{name}`")).collect();
        let message = format!("unknown kind `{value}`; expected one of {}", names.join(", "));
        Error::new(written.span(), message)
    })
}

fn unknown(written: &str) -> String {
    if KINDS.iter().any(|(name, _)| *name == written) {
        format!("a kind is written `kind = \"{written}\"`")
    } else {
        format!("unknown argument `{written}`; expected one of `kind`, `name`, `crate`")
    }
}

pub(crate) fn note(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}
