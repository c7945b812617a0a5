//! Token counts where the server sends none: of what was asked, and of what was seen of the answer.

#[cfg(feature = "estimate")]
mod decoder;
#[cfg(feature = "estimate")]
mod encoding;
#[cfg(feature = "estimate")]
mod input;
#[cfg(feature = "estimate")]
mod model;
#[cfg(feature = "estimate")]
mod tools;

#[cfg_attr(feature = "estimate", path = "estimate/enabled.rs")]
#[cfg_attr(not(feature = "estimate"), path = "estimate/disabled.rs")]
mod meter;

#[cfg(feature = "estimate")]
pub use self::decoder::Estimate;
pub(super) use self::meter::Meter;

/// Which of an answer's texts a piece belongs to. Words at the border of two texts are not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// Index of the choice, or of the output item.
    pub(super) owner: u64,
    pub(super) kind: Kind,
    /// Which of several texts of that kind.
    pub(super) part: u64,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Text,
    Reasoning,
    Refusal,
    Arguments,
}

impl Slot {
    pub(super) fn new(owner: u64, kind: Kind) -> Self {
        Self { owner, kind, part: 0 }
    }
}
