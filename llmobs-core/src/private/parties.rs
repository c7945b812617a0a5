//! Names and ids, from arguments that know them or expressions that give them.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use crate::record::Term;
use crate::step::{AsAgent, AsToolCall, AsWorkflow, Step};

/// An argument, or `self`.
#[derive(Debug)]
pub struct Party<'p, T: ?Sized>(pub &'p T);

/// Calls of tools.
pub trait PartyToolCall {
    /// Notes what the argument knows.
    fn __llmobs_tool(&self, step: &mut Step);
}

impl<T: AsToolCall + ?Sized> PartyToolCall for Party<'_, T> {
    fn __llmobs_tool(&self, step: &mut Step) {
        step.tool_call(self.0);
    }
}

/// Agents.
pub trait PartyAgent {
    /// Notes what the argument knows.
    fn __llmobs_agent(&self, step: &mut Step);
}

impl<T: AsAgent + ?Sized> PartyAgent for Party<'_, T> {
    fn __llmobs_agent(&self, step: &mut Step) {
        step.agent(self.0);
    }
}

/// Workflows.
pub trait PartyWorkflow {
    /// Notes what the argument knows.
    fn __llmobs_workflow(&self, step: &mut Step);
}

impl<T: AsWorkflow + ?Sized> PartyWorkflow for Party<'_, T> {
    fn __llmobs_workflow(&self, step: &mut Step) {
        step.workflow(self.0);
    }
}

/// Everything else an argument can be.
pub trait PartyAny {
    /// Notes nothing.
    fn __llmobs_tool(&self, step: &mut Step);
    /// Notes nothing.
    fn __llmobs_agent(&self, step: &mut Step);
    /// Notes nothing.
    fn __llmobs_workflow(&self, step: &mut Step);
}

impl<T: ?Sized> PartyAny for &Party<'_, T> {
    fn __llmobs_tool(&self, _step: &mut Step) {}
    fn __llmobs_agent(&self, _step: &mut Step) {}
    fn __llmobs_workflow(&self, _step: &mut Step) {}
}

/// A text that is a name or an id, or may be one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no name and no id",
    label = "expected a text, a whole number, or an `Option` of one"
)]
pub trait Text {
    /// The text.
    fn text(&self) -> Option<Term>;
}

macro_rules! texts {
    ($($text:ty),*) => {
        $(impl Text for $text {
            fn text(&self) -> Option<Term> {
                Some(Cow::Owned(self.to_string()))
            }
        })*
    };
}

texts!(str, String, Cow<'_, str>, char, i8, i16, i32, i64, i128, isize);
texts!(u8, u16, u32, u64, u128, usize);

macro_rules! pointers {
    ($($pointer:ty),*) => {
        $(impl<T: Text + ?Sized> Text for $pointer {
            fn text(&self) -> Option<Term> {
                (**self).text()
            }
        })*
    };
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Text> Text for Option<T> {
    fn text(&self) -> Option<Term> {
        self.as_ref().and_then(T::text)
    }
}

/// Offers what is searched for, if anything; it is not looked at where it would not be kept.
pub fn query<T: Text + ?Sized>(step: &mut Step, text: &T) {
    if step.captures_arguments()
        && let Some(text) = text.text()
    {
        step.query(&text);
    }
}

/// Sets how many documents are asked for, if that is a number.
pub fn top_k<T: Text + ?Sized>(step: &mut Step, number: &T) {
    match number.text().map(|number| number.parse()) {
        Some(Ok(number)) => step.top_k(number),
        Some(Err(_)) => step.missed(),
        None => {}
    }
}

/// Sets a name or an id, if there is one.
pub fn text<T: Text + ?Sized>(step: &mut Step, set: fn(&mut Step, Term), text: &T) {
    if let Some(text) = text.text() {
        set(step, text);
    }
}
