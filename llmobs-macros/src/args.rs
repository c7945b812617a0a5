//! The grammar: what may stand between the parentheses.

mod lists;
mod slot;

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, LitStr, Path, Result, Token};

pub(crate) use self::lists::{Capture, Field};
use self::lists::{capture, fields, skip};
pub(crate) use self::slot::note;
use self::slot::{Slot, skip_to_comma, value};

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
    ("plan", "Plan"),
    ("memory", "Memory"),
    ("chain", "Chain"),
    ("guardrail", "Guardrail"),
    ("postprocess", "Postprocess"),
    ("evaluator", "Evaluator"),
    ("llm", "Llm"),
];

/// What is given by an expression, and the kinds each belongs to.
const TEXTS: &[(&str, &[&str])] = &[
    ("tool_call_id", &["tool"]),
    ("tool_name", &["tool"]),
    ("tool_type", &["tool"]),
    ("tool_description", &["tool"]),
    ("agent_name", &["agent", "plan"]),
    ("agent_id", &["agent"]),
    ("agent_version", &["agent"]),
    ("agent_description", &["agent"]),
    ("workflow_name", &["workflow"]),
    ("data_source", &["retriever"]),
    ("top_k", &["retriever"]),
    ("query", &["retriever", "memory"]),
    ("provider", &["retriever", "memory"]),
    ("model", &["retriever"]),
    ("memory_operation", &["memory"]),
    ("memory_store", &["memory"]),
    ("memory_record", &["memory"]),
];

/// What the attribute says.
pub(crate) struct Args {
    /// Variant of `StepKind`.
    pub(crate) kind: &'static str,
    pub(crate) name: Option<LitStr>,
    pub(crate) fields: Vec<Field>,
    pub(crate) capture: Capture,
    /// Arguments that are not captured.
    pub(crate) skip: Vec<Ident>,
    /// Names and ids, by their setters.
    pub(crate) texts: Vec<(Ident, Expr)>,
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
            slots.fit(&mut errors);
            errors.map_or(Ok(()), Err)
        };
        read.parse2(tokens)?;
        let texts = slots.texts.into_iter().filter_map(|text| text.given);
        Ok(Self {
            kind: slots.kind.value().unwrap_or("Chain"),
            name: slots.name.value(),
            fields: slots.fields.value().unwrap_or_default(),
            capture: slots.capture.value().unwrap_or_default(),
            skip: slots.skip.value().unwrap_or_default(),
            texts: texts.collect(),
            krate: slots.krate.value().unwrap_or_else(facade),
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
    fields: Slot<Vec<Field>>,
    capture: Slot<Capture>,
    skip: Slot<Vec<Ident>>,
    texts: Vec<Slot<Expr>>,
    krate: Slot<Path>,
    /// Arguments with mistakes in them: none that follow from those are reported.
    wrong: Vec<String>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            kind: Slot::default(),
            name: Slot::default(),
            fields: Slot::default(),
            capture: Slot::default(),
            skip: Slot::default(),
            texts: TEXTS.iter().map(|_| Slot::default()).collect(),
            krate: Slot::default(),
            wrong: Vec::new(),
        }
    }
}

impl Slots {
    fn argument(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected an argument such as `kind = \"retriever\"`"));
        }
        let argument = input.call(Ident::parse_any)?;
        let written = argument.to_string();
        let set = self.set(argument, &written, input);
        if set.is_err() {
            self.wrong.push(written);
        }
        set
    }

    fn set(&mut self, argument: Ident, written: &str, input: ParseStream<'_>) -> Result<()> {
        match written {
            "kind" => {
                let value = string(&argument, input)?;
                self.kind.set(argument, kind(&value)?)
            }
            "name" => {
                let value = string(&argument, input)?;
                if value.value().is_empty() {
                    return Err(Error::new(value.span(), "a name has at least one character"));
                }
                self.name.set(argument, value)
            }
            "fields" => {
                let fields = fields(&argument, input)?;
                self.fields.set(argument, fields)
            }
            "capture" => {
                let capture = capture(&argument, input)?;
                self.capture.set(argument, capture)
            }
            "skip" => {
                let skip = skip(&argument, input)?;
                self.skip.set(argument, skip)
            }
            "crate" => {
                let path = path(&argument, input)?;
                self.krate.set(argument, path)
            }
            _ => {
                let text = TEXTS.iter().zip(&mut self.texts).find(|(text, _)| text.0 == written);
                let Some((_, slot)) = text else {
                    return Err(Error::new(argument.span(), unknown(written)));
                };
                let wanted = format!("expected `{argument} = expression`");
                let expression = value(&argument, input, &wanted, |input| input.parse())?;
                slot.set(argument, expression)
            }
        }
    }

    /// Checks what is said against what else is said.
    fn fit(&self, errors: &mut Option<Error>) {
        let wrong = |name: &str| self.wrong.iter().any(|wrong| wrong == name);
        let kind = self.kind.get().copied().unwrap_or("Chain");
        let written = KINDS.iter().find(|(_, variant)| *variant == kind).map(|(name, _)| *name);
        for ((name, kinds), slot) in TEXTS.iter().zip(&self.texts) {
            if let Some((argument, _)) = &slot.given
                && !written.is_some_and(|written| kinds.contains(&written))
                && !wrong("kind")
            {
                let kinds: Vec<_> =
                    kinds.iter().map(|kind| format!("`kind = \"{kind}\"`")).collect();
                let message = format!("`{name}` goes with {}", kinds.join(" or "));
                note(errors, Error::new(argument.span(), message));
            }
        }
        let captures = self.capture.get().is_some_and(|capture| capture.args);
        if let Some((argument, _)) = &self.skip.given
            && !captures
            && !wrong("capture")
        {
            let message = "`skip` leaves arguments out of `capture(args)`, which is not given";
            note(errors, Error::new(argument.span(), message));
        }
    }
}

fn string(argument: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    value(argument, input, &format!("expected `{argument} = \"…\"`"), |input| input.parse())
}

fn path(argument: &Ident, input: ParseStream<'_>) -> Result<Path> {
    value(argument, input, "expected a path, as in `crate = llmobs_core`", Path::parse_mod_style)
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
        return format!("a kind is written `kind = \"{written}\"`");
    }
    let plain = ["kind", "name", "fields", "capture", "skip", "crate"];
    let names = plain.into_iter().chain(TEXTS.iter().map(|text| text.0));
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    format!("unknown argument `{written}`; expected one of {}", names.join(", "))
}
