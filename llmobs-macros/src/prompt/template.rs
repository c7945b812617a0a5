//! Templates: `{name}` is a variable, `{{` and `}}` are braces, all else is text.
//!
//! The grammar is that of `llmobs_core::Template`; a test holds the two together.

use proc_macro2::{Ident, Span};
use sha2::{Digest, Sha256};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Error, LitStr, Result};

/// Names of a template's variables, each once, in the order of the text; else what is wrong.
pub(super) fn variables(template: &str) -> std::result::Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let after = rest.get(at..).unwrap_or_default();
        if let Some(after) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
            rest = after;
            continue;
        }
        let Some(inner) = after.strip_prefix('{') else {
            return Err("a `}` closes nothing; a brace of the text is written `}}`".to_owned());
        };
        let Some((name, after)) = inner.split_once('}') else {
            return Err("a `{` is never closed; a brace of the text is written `{{`".to_owned());
        };
        if !is_name(name) {
            return Err(no_name(name));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = after;
    }
    Ok(names)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    name != "_"
        && chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

fn no_name(between: &str) -> String {
    match between.split_once(':') {
        Some((name, format)) if is_name(name) => format!(
            "a template has no formats, so that it means the same in a file; \
             give the value as `{name} = format_args!(\"{{{name}:{format}}}\")`"
        ),
        _ if between.is_empty() || between.bytes().all(|byte| byte.is_ascii_digit()) => {
            "the variables of a template have names, as in `{question}`".to_owned()
        }
        _ => format!("`{between}` is no variable's name; braces of the text are doubled"),
    }
}

/// The local variable of this name.
pub(super) fn identifier(name: &str, at: Span) -> Result<Ident> {
    let parsed = Ident::parse_any.parse_str(name);
    let no_identifier = |_| {
        let message = format!("`{name}` is no identifier of Rust");
        Error::new(at, message)
    };
    let mut ident = parsed.map_err(no_identifier)?;
    let is_keyword = syn::parse_str::<Ident>(name).is_err();
    if is_keyword && !matches!(name, "self" | "Self" | "super" | "crate") {
        ident = Ident::new_raw(name, at);
    }
    ident.set_span(at);
    Ok(ident)
}

/// SHA-256 of a template's text, in lower-case hex; `llmobs_core::Template` computes the same.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a file below the package.
pub(super) fn read(file: &LitStr) -> Result<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = std::path::Path::new(&package).join(file.value());
    let relative = std::path::Path::new(&file.value()).is_relative();
    if !relative {
        let message = "the path begins at the folder of the package's `Cargo.toml`";
        return Err(Error::new(file.span(), message));
    }
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("no template can be read from `{}`: {}", file.value(), error.kind());
        Error::new(file.span(), message)
    })
}
