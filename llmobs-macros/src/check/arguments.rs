//! The function's own arguments, by the names its body knows them by.

use proc_macro2::{Ident, Span};
use syn::visit_mut::{self, VisitMut};
use syn::{Error, FnArg, PatIdent, Result, Signature, Type};

use super::reading::is_plain;

/// What a function is called with.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The place of `self`, for methods.
    pub(crate) receiver: Option<Span>,
    /// Every name that an argument binds.
    pub(crate) names: Vec<Ident>,
    /// Those that may know of more than themselves: their types are the application's.
    pub(crate) parties: Vec<Ident>,
}

impl Arguments {
    pub(crate) fn of(signature: &Signature) -> Self {
        let mut arguments = Self::default();
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(receiver) => arguments.receiver = Some(receiver.self_token.span),
                FnArg::Typed(typed) => {
                    let mut bound = Bound::default();
                    bound.visit_pat_mut(&mut typed.pat.as_ref().clone());
                    if !is_plain(&referent(&typed.ty)) {
                        arguments.parties.extend(bound.names.iter().cloned());
                    }
                    arguments.names.append(&mut bound.names);
                }
            }
        }
        arguments
    }

    /// The names without those to be skipped; one that is skipped and not there is an error.
    pub(crate) fn without(&self, skip: &[Ident]) -> Result<Vec<Ident>> {
        let mut errors = None;
        for name in skip.iter().filter(|name| !self.names.contains(name)) {
            let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
            let message = match names.as_slice() {
                [] => format!("no argument is named `{name}`; there are none"),
                names => format!("no argument is named `{name}`; there are {}", names.join(", ")),
            };
            crate::args::note(&mut errors, Error::new(name.span(), message));
        }
        match errors {
            Some(errors) => Err(errors),
            None => Ok(self.names.iter().filter(|name| !skip.contains(name)).cloned().collect()),
        }
    }
}

fn referent(ty: &Type) -> Type {
    match ty {
        Type::Reference(reference) => referent(&reference.elem),
        Type::Group(inner) => referent(&inner.elem),
        Type::Paren(inner) => referent(&inner.elem),
        other => other.clone(),
    }
}

/// Collects the names a pattern binds.
#[derive(Default)]
struct Bound {
    names: Vec<Ident>,
}

impl VisitMut for Bound {
    fn visit_pat_ident_mut(&mut self, pattern: &mut PatIdent) {
        let text = pattern.ident.to_string();
        // `None` and the like look like bindings.
        if !text.starts_with(char::is_uppercase) {
            self.names.push(pattern.ident.clone());
        }
        visit_mut::visit_pat_ident_mut(self, pattern);
    }
}
