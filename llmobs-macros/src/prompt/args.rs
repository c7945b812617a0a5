//! The grammar: name, options, template, values, in this order.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token};

/// What stands between the parentheses.
pub(super) struct Args {
    pub(super) name: LitStr,
    pub(super) version: Option<LitStr>,
    /// The crate to find the runtime in.
    pub(super) krate: Path,
    pub(super) template: Text,
    pub(super) values: Vec<(Ident, Expr)>,
}

/// Where the template is.
pub(super) enum Text {
    Here(LitStr),
    /// In a file, by its path below the package.
    File(LitStr),
}

const NAME: &str = "expected the prompt's name, as in `prompt!(\"answer\", \"Answer {question}\")`";
const TEMPLATE: &str = "expected the template: a string literal, or `file = \"…\"`";

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = literal(input, NAME)?;
        if name.value().is_empty() {
            return Err(Error::new(name.span(), "a name has at least one character"));
        }
        let (mut version, mut krate) = (None, None);
        let template = loop {
            if input.is_empty() || input.peek(Token![,]) && input.peek2(syn::parse::End) {
                return Err(Error::new(name.span(), "the template is missing"));
            }
            input.parse::<Token![,]>()?;
            if !(input.peek(Ident::peek_any) && input.peek2(Token![=])) {
                break Text::Here(literal(input, TEMPLATE)?);
            }
            let option = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            match option.to_string().as_str() {
                "version" => {
                    let value = literal(input, "expected `version = \"…\"`")?;
                    if value.value().is_empty() {
                        let message = "a version has at least one character";
                        return Err(Error::new(value.span(), message));
                    }
                    once(&mut version, &option, value)?;
                }
                "crate" => {
                    let wanted = "expected a path, as in `crate = llmobs_core`";
                    let at = input.span();
                    let path = Path::parse_mod_style(input).map_err(|_| Error::new(at, wanted))?;
                    once(&mut krate, &option, path)?;
                }
                "file" => break Text::File(literal(input, "expected `file = \"…\"`")?),
                other => return Err(Error::new(option.span(), unknown(other))),
            }
        };
        let krate = krate.unwrap_or_else(crate::args::facade);
        Ok(Self { name, version, krate, template, values: values(input)? })
    }
}

fn values(input: ParseStream<'_>) -> Result<Vec<(Ident, Expr)>> {
    let mut values = Vec::new();
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        if !(input.peek(Ident::peek_any) && input.peek2(Token![=])) {
            return Err(input.error("expected a variable's value, as in `question = text`"));
        }
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        values.push((name, input.parse()?));
    }
    Ok(values)
}

fn literal(input: ParseStream<'_>, wanted: &str) -> Result<LitStr> {
    let at = input.span();
    input.parse().map_err(|_| Error::new(at, wanted))
}

fn once<T>(slot: &mut Option<T>, option: &Ident, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(option.span(), format!("`{option}` is given twice"))),
    }
}

fn unknown(option: &str) -> String {
    format!(
        "unknown option `{option}`; before the template stand `version` and `crate`, after it the \
         values of its variables"
    )
}
