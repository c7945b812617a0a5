//! What the expansions of `#[trace_llm]` and `prompt!` name. Not part of the API: any version may change it.
//!
//! That of `#[trace_llm]` knows types only by their names, so it lets the compiler choose: with several
//! traits in scope that have one method name, a call finds the one whose `impl` is on the receiver's
//! own type, and goes on to those with fewer references from there: the more special a type, the more
//! references has its `impl`. Where there are two choices, one reference more is found last.

#[path = "private/ending.rs"]
mod ending;
#[path = "private/parties.rs"]
mod parties;
#[path = "private/values.rs"]
mod values;

pub use std::boxed::Box;
pub use std::convert::Infallible;
pub use std::option::Option::Some;
pub use std::result::Result::{Err, Ok};
pub use std::{concat, env, include_str};

pub use self::ending::{
    Boxed, EndReading, EndResults, EndValue, Ending, Items, Results, read_option, read_result,
};
pub use self::parties::{
    Party, PartyAgent, PartyAny, PartyToolCall, PartyWorkflow, Text, query, text, top_k,
};
pub use self::values::{
    Counted, Found, FoundAny, FoundCounted, FoundDocuments, TellDebug, TellNothing, TellSerialize,
    Value, argument, attribute, has_texts, item, output, tell,
};
pub use crate::prompt::{StaticPrompt, render};
pub use crate::record::StepKind;
pub use crate::step::{IterInStep, Shown, Step, StreamInStep};

/// A file the compiler looks at again when it has changed.
pub type Tracked = &'static str;

/// What a body makes, in a function of its own so that its `return`s leave no more than that.
pub fn made<R>(make: impl FnOnce() -> R) -> R {
    make()
}

/// Nothing, of the type a function returns: tells an `async` block what its `return`s have to be.
pub fn never<R>() -> Option<R> {
    None
}

/// A returned value, to find out whether it is a `Result`, which has many names.
#[derive(Debug)]
pub struct Returned<'r, R>(pub &'r R);

/// Notes the type of an error; never its message, which may quote content.
pub trait NoteResult<'r> {
    /// What there is in an `Ok`.
    type Inside;

    /// Notes how the step went.
    fn __llmobs_note(&self, step: &mut Step);

    /// The value, if it is a success.
    fn __llmobs_inside(&self) -> Option<&'r Self::Inside>;
}

impl<'r, T, E> NoteResult<'r> for Returned<'r, Result<T, E>> {
    type Inside = T;

    fn __llmobs_note(&self, step: &mut Step) {
        if self.0.is_err() {
            step.fail(std::any::type_name::<E>());
        }
    }

    fn __llmobs_inside(&self) -> Option<&'r T> {
        self.0.as_ref().ok()
    }
}

/// Takes any other value for a success.
pub trait NoteValue<'r> {
    /// The value's own type.
    type Inside;

    /// Notes how the step went.
    fn __llmobs_note(&self, step: &mut Step);

    /// The value.
    fn __llmobs_inside(&self) -> Option<&'r Self::Inside>;
}

impl<'r, R> NoteValue<'r> for &Returned<'r, R> {
    type Inside = R;

    fn __llmobs_note(&self, _step: &mut Step) {}

    fn __llmobs_inside(&self) -> Option<&'r R> {
        Some(self.0)
    }
}

/// Puts a stream that is returned inside the step.
pub fn stream<S: futures_core::Stream>(
    step: Step,
    stream: S,
    note: fn(&S::Item, &mut Step),
) -> StreamInStep<S> {
    step.stream_with(stream, note)
}

/// Puts an iterator that is returned inside the step.
pub fn iter<I: Iterator>(step: Step, iter: I, note: fn(&I::Item, &mut Step)) -> IterInStep<I> {
    step.iter_with(iter, note)
}
