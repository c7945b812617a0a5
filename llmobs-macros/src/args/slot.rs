//! One argument, its value, and the way on after a mistake in it.

use proc_macro2::{Ident, TokenTree};
use syn::parse::ParseStream;
use syn::{Error, Result, Token};

/// An argument that is given at most once.
pub(super) struct Slot<T> {
    /// The argument as it is written, and its value.
    pub(super) given: Option<(Ident, T)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { given: None }
    }
}

impl<T> Slot<T> {
    /// Sets the value; the second time is an error.
    pub(super) fn set(&mut self, argument: Ident, value: T) -> Result<()> {
        if self.given.is_some() {
            let message = format!("the argument `{argument}` is given twice");
            return Err(Error::new(argument.span(), message));
        }
        self.given = Some((argument, value));
        Ok(())
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.given.as_ref().map(|(_, value)| value)
    }

    pub(super) fn value(self) -> Option<T> {
        self.given.map(|(_, value)| value)
    }
}

/// What comes after the `=`.
pub(super) fn value<T>(
    argument: &Ident,
    input: ParseStream<'_>,
    wanted: &str,
    parse: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(argument.span(), wanted));
    }
    input.parse::<Token![=]>()?;
    let missing = input.is_empty() || input.peek(Token![,]);
    let at = if missing { argument.span() } else { input.span() };
    parse(input).map_err(|_| Error::new(at, wanted))
}

pub(crate) fn note(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

pub(super) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _ = input.parse::<TokenTree>();
    }
}
