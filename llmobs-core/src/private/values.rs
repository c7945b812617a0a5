//! Values by `Serialize`, else by `Debug`, else not at all; and documents among them.

use std::fmt::Debug;

use serde::Serialize;

use crate::contain::contained;
use crate::step::{AsDocuments, Shown, Step};

/// A value that may be told.
#[derive(Debug)]
pub struct Value<'v, T: ?Sized>(pub &'v T);

/// By `Serialize`.
pub trait TellSerialize<'v> {
    /// How it is told.
    type Told: Serialize;

    /// The value as it is told.
    fn __llmobs_told(&self) -> Option<Self::Told>;
}

impl<'v, T: Serialize + ?Sized> TellSerialize<'v> for &&Value<'v, T> {
    type Told = &'v T;

    fn __llmobs_told(&self) -> Option<&'v T> {
        Some(self.0)
    }
}

/// By `Debug`.
pub trait TellDebug<'v> {
    /// How it is told.
    type Told: Serialize;

    /// The value as it is told.
    fn __llmobs_told(&self) -> Option<Self::Told>;
}

impl<'v, T: Debug + ?Sized> TellDebug<'v> for &Value<'v, T> {
    type Told = Shown<'v, T>;

    fn __llmobs_told(&self) -> Option<Shown<'v, T>> {
        Some(Shown(self.0))
    }
}

/// Not at all.
pub trait TellNothing {
    /// Nothing, of a type that could be told.
    fn __llmobs_told(&self) -> Option<()>;
}

impl<T: ?Sized> TellNothing for Value<'_, T> {
    fn __llmobs_told(&self) -> Option<()> {
        None
    }
}

/// Sets an attribute, if its value can be told.
pub fn attribute<T: Serialize>(step: &mut Step, key: &'static str, told: Option<T>) {
    if let Some(told) = told {
        step.attribute(key, &told);
    }
}

/// Offers an argument, if it can be told.
pub fn argument<T: Serialize>(step: &mut Step, name: &'static str, told: Option<T>) {
    if let Some(told) = told {
        step.argument(name, &told);
    }
}

/// Offers the output, if it can be told.
pub fn output<T: Serialize>(step: &mut Step, told: Option<T>) {
    if let Some(told) = told {
        step.output(&told);
    }
}

/// Offers an item of the output, if it can be told.
pub fn item<T: Serialize>(step: &mut Step, told: Option<T>) {
    if let Some(told) = told {
        step.output_item(&told);
    }
}

/// Runs foreign code that says something of the step; a panic of it costs what it would have said.
pub fn tell(step: &mut Step, tell: impl FnOnce(&mut Step)) {
    if contained(|| tell(step)).is_none() {
        step.missed();
    }
}

/// Whether the texts of documents were kept: then they are the output.
pub fn has_texts(step: &Step) -> bool {
    step.has_texts()
}

/// What a retriever or a reranker found.
#[derive(Debug)]
pub struct Found<'f, T: ?Sized>(pub &'f T);

/// Documents that tell their ids and scores.
pub trait FoundDocuments {
    /// Notes them, with their texts if asked to.
    fn __llmobs_documents(&self, step: &mut Step, text: bool);
}

impl<T: AsDocuments + ?Sized> FoundDocuments for &&Found<'_, T> {
    fn __llmobs_documents(&self, step: &mut Step, text: bool) {
        if text {
            step.documents_with_text(self.0);
        } else {
            step.documents(self.0);
        }
    }
}

/// Lists of anything else.
pub trait Counted {
    /// How many there are.
    fn count(&self) -> usize;
}

impl<T> Counted for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T> Counted for [T] {
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T, const N: usize> Counted for [T; N] {
    fn count(&self) -> usize {
        N
    }
}

impl<T: Counted + ?Sized> Counted for &T {
    fn count(&self) -> usize {
        (**self).count()
    }
}

impl<T: Counted + ?Sized> Counted for Box<T> {
    fn count(&self) -> usize {
        (**self).count()
    }
}

/// Lists that can only be counted.
pub trait FoundCounted {
    /// Notes how many there are.
    fn __llmobs_documents(&self, step: &mut Step, text: bool);
}

impl<T: Counted + ?Sized> FoundCounted for &Found<'_, T> {
    fn __llmobs_documents(&self, step: &mut Step, _text: bool) {
        step.documents_count(self.0.count() as u64);
    }
}

/// Whatever else was given back.
pub trait FoundAny {
    /// Notes nothing.
    fn __llmobs_documents(&self, step: &mut Step, text: bool);
}

impl<T: ?Sized> FoundAny for Found<'_, T> {
    fn __llmobs_documents(&self, _step: &mut Step, _text: bool) {}
}
