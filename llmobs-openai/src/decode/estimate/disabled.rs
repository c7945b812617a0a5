//! Without the feature nothing is counted.

use llmobs_core::Record;

use super::Slot;

/// Counts nothing.
#[derive(Debug)]
pub(in crate::decode) struct Meter;

impl Meter {
    pub(in crate::decode) fn off() -> Self {
        Self
    }

    pub(in crate::decode) fn is_on(&self) -> bool {
        false
    }

    pub(in crate::decode) fn push(&mut self, _: Slot, _: &str) {}

    pub(in crate::decode) fn replace(&mut self, _: Slot, _: &str) {}

    pub(in crate::decode) fn lose(&mut self) {}

    pub(in crate::decode) fn stop(&mut self) {}

    pub(in crate::decode) fn finish(self, _: bool, _: &mut Record) {}
}
