//! What the expansions of `#[trace_llm]` and `prompt!` name. Not part of the API: any version may change it.

pub use std::convert::Infallible;
pub use std::option::Option::Some;
pub use std::{concat, env, include_str};

pub use crate::prompt::{StaticPrompt, render};
pub use crate::record::StepKind;
pub use crate::step::Step;

/// A file the compiler looks at again when it has changed.
pub type Tracked = &'static str;

/// Nothing, of the type a function returns: tells an `async` block what its `return`s have to be.
pub fn never<R>() -> Option<R> {
    None
}

/// A returned value, to find out whether it is a `Result`.
///
/// The expansion knows types only by their names, and `Result` has many. With both traits in scope,
/// `(&Returned(&value)).__llmobs_note(..)` finds [`NoteResult`] without a further reference, and
/// [`NoteValue`] only for what is no `Result`.
#[derive(Debug)]
pub struct Returned<'r, R>(pub &'r R);

/// Notes the type of an error; never its message, which may quote content.
pub trait NoteResult {
    /// Notes how the step went.
    fn __llmobs_note(&self, step: &mut Step);
}

impl<T, E> NoteResult for Returned<'_, Result<T, E>> {
    fn __llmobs_note(&self, step: &mut Step) {
        if self.0.is_err() {
            step.fail(std::any::type_name::<E>());
        }
    }
}

/// Takes any other value for a success.
pub trait NoteValue {
    /// Notes how the step went.
    fn __llmobs_note(&self, step: &mut Step);
}

impl<R> NoteValue for &Returned<'_, R> {
    fn __llmobs_note(&self, _step: &mut Step) {}
}
