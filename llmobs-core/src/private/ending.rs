//! How a function's step ends: at once, or with the boxed stream or iterator it returns.
//!
//! A box of a known trait can be put into another box of the same type, so it is found by its type,
//! whatever alias it hides behind.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;

use futures_core::Stream;

use crate::step::Step;

/// A returned value and its step.
pub struct Ending<R>(Cell<Option<(R, Step)>>);

impl<R> Ending<R> {
    /// Takes both; one of the methods below gives the value back.
    pub fn new(value: R, step: Step) -> Self {
        Self(Cell::new(Some((value, step))))
    }

    fn end(&self, end: impl FnOnce(R, Step) -> R) -> R {
        match self.0.take() {
            Some((value, step)) => end(value, step),
            None => unreachable!("the expansion ends a step once"),
        }
    }
}

impl<R> fmt::Debug for Ending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").finish_non_exhaustive()
    }
}

/// A stream or an iterator in a box.
pub trait Boxed<N>: Sized {
    /// The same with the step inside.
    fn inside(self, step: Step) -> Self;
}

/// For items that are results.
#[derive(Debug)]
pub struct Results;

/// For items of any type.
#[derive(Debug)]
pub struct Items;

fn failed<T, E>(item: &Result<T, E>, step: &mut Step) {
    if item.is_err() {
        step.fail(std::any::type_name::<E>());
    }
}

macro_rules! boxes {
    ($($boxed:ident($($auto:ident)?);)*) => {
        $(boxes!{@ $boxed $($auto)?})*
    };
    (@ stream $($auto:ident)?) => {
        impl<'s, T: 's, E: 's> Boxed<Results>
            for Pin<Box<dyn Stream<Item = Result<T, E>> $(+ $auto)? + 's>>
        {
            fn inside(self, step: Step) -> Self {
                if step.is_recording() { Box::pin(step.stream_with(self, failed)) } else { self }
            }
        }

        impl<'s, T: 's> Boxed<Items> for Pin<Box<dyn Stream<Item = T> $(+ $auto)? + 's>> {
            fn inside(self, step: Step) -> Self {
                if step.is_recording() { Box::pin(step.stream(self)) } else { self }
            }
        }
    };
    (@ iter $($auto:ident)?) => {
        impl<'i, T: 'i, E: 'i> Boxed<Results>
            for Box<dyn Iterator<Item = Result<T, E>> $(+ $auto)? + 'i>
        {
            fn inside(self, step: Step) -> Self {
                if step.is_recording() { Box::new(step.iter_with(self, failed)) } else { self }
            }
        }

        impl<'i, T: 'i> Boxed<Items> for Box<dyn Iterator<Item = T> $(+ $auto)? + 'i> {
            fn inside(self, step: Step) -> Self {
                if step.is_recording() { Box::new(step.iter(self)) } else { self }
            }
        }
    };
}

boxes! {
    stream(Send);
    stream();
    iter(Send);
    iter();
}

impl<N, B: Boxed<N>, E> Boxed<N> for Result<B, E> {
    fn inside(self, step: Step) -> Self {
        match self {
            Ok(boxed) => Ok(boxed.inside(step)),
            Err(err) => {
                step.end();
                Err(err)
            }
        }
    }
}

impl<N, B: Boxed<N>> Boxed<N> for Option<B> {
    fn inside(self, step: Step) -> Self {
        match self {
            Some(boxed) => Some(boxed.inside(step)),
            None => {
                step.end();
                None
            }
        }
    }
}

/// Ends with a boxed stream or iterator of results.
pub trait EndResults {
    /// What is returned.
    type Value;

    /// Gives the value back.
    fn __llmobs_end(&self) -> Self::Value;
}

impl<R: Boxed<Results>> EndResults for &&Ending<R> {
    type Value = R;

    fn __llmobs_end(&self) -> R {
        self.end(R::inside)
    }
}

/// Ends with a boxed stream or iterator.
pub trait EndReading {
    /// What is returned.
    type Value;

    /// Gives the value back.
    fn __llmobs_end(&self) -> Self::Value;
}

impl<R: Boxed<Items>> EndReading for &Ending<R> {
    type Value = R;

    fn __llmobs_end(&self) -> R {
        self.end(R::inside)
    }
}

/// Ends at once.
pub trait EndValue {
    /// What is returned.
    type Value;

    /// Gives the value back.
    fn __llmobs_end(&self) -> Self::Value;
}

impl<R> EndValue for Ending<R> {
    type Value = R;

    fn __llmobs_end(&self) -> R {
        self.end(|value, step| {
            step.end();
            value
        })
    }
}

/// Puts what is in an `Ok` inside the step, which otherwise ends here.
pub fn read_result<T, E, R>(
    step: Step,
    value: Result<T, E>,
    inside: impl FnOnce(Step, T) -> R,
) -> Result<R, E> {
    match value {
        Ok(value) => Ok(inside(step, value)),
        Err(err) => {
            step.end();
            Err(err)
        }
    }
}

/// Puts what is in a `Some` inside the step, which otherwise ends here.
pub fn read_option<T, R>(
    step: Step,
    value: Option<T>,
    inside: impl FnOnce(Step, T) -> R,
) -> Option<R> {
    match value {
        Some(value) => Some(inside(step, value)),
        None => {
            step.end();
            None
        }
    }
}
