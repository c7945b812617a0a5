//! Which content may enter records.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Which content is kept; nothing by default.
///
/// Content is whatever users and models say: prompts, answers, arguments, documents, and error
/// messages, since providers quote all of these in them.
///
/// ```
/// use llmobs_core::Capture;
///
/// let capture = Capture::NONE.input(true);
/// assert!(capture.has_input() && !capture.has_output());
/// ```
///
/// Without the cargo feature `content` (on by default in `llmobs`) nothing is kept whatever is said here,
/// and the code that would keep it is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capture(u8);

impl Capture {
    /// Nothing is kept: the default.
    pub const NONE: Self = Self(0);
    /// Everything is kept; without the feature `content`, nothing.
    pub const ALL: Self = Self(if cfg!(feature = "content") { 0b1111 } else { 0 });

    const INPUT: u8 = 1;
    const OUTPUT: u8 = 2;
    const TOOLS: u8 = 4;
    const ERRORS: u8 = 8;

    /// Whether messages sent are kept. Defaults to no.
    #[must_use]
    pub const fn input(self, keep: bool) -> Self {
        self.with(Self::INPUT, keep)
    }

    /// Whether messages generated are kept. Defaults to no.
    #[must_use]
    pub const fn output(self, keep: bool) -> Self {
        self.with(Self::OUTPUT, keep)
    }

    /// Whether tool arguments, results and definitions are kept. Defaults to no.
    #[must_use]
    pub const fn tools(self, keep: bool) -> Self {
        self.with(Self::TOOLS, keep)
    }

    /// Whether error messages are kept. Defaults to no.
    #[must_use]
    pub const fn errors(self, keep: bool) -> Self {
        self.with(Self::ERRORS, keep)
    }

    /// Whether messages sent are kept.
    pub const fn has_input(self) -> bool {
        self.has(Self::INPUT)
    }

    /// Whether messages generated are kept.
    pub const fn has_output(self) -> bool {
        self.has(Self::OUTPUT)
    }

    /// Whether tool arguments, results and definitions are kept.
    pub const fn has_tools(self) -> bool {
        self.has(Self::TOOLS)
    }

    /// Whether error messages are kept.
    pub const fn has_errors(self) -> bool {
        self.has(Self::ERRORS)
    }

    /// Without the feature the compiler knows the answer, and leaves out what would come of another.
    const fn has(self, bit: u8) -> bool {
        cfg!(feature = "content") && self.0 & bit != 0
    }

    const fn with(self, bit: u8, keep: bool) -> Self {
        Self(if keep { self.0 | bit & Self::ALL.0 } else { self.0 & !bit })
    }
}

/// The recorder's policy, which may change while it runs.
#[derive(Debug, Default)]
pub(crate) struct CapturePolicy {
    capture: AtomicU8,
    /// Whatever was said elsewhere, nothing is kept.
    forbidden: AtomicBool,
}

impl CapturePolicy {
    pub(crate) fn new(capture: Capture) -> Self {
        Self { capture: AtomicU8::new(capture.0), forbidden: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Capture {
        self.within(None)
    }

    /// What is kept where a scope has a policy of its own, or none.
    pub(crate) fn within(&self, scope: Option<Capture>) -> Capture {
        match (self.is_forbidden(), scope) {
            (true, _) => Capture::NONE,
            (false, Some(capture)) => capture,
            (false, None) => Capture(self.capture.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn set(&self, capture: Capture) {
        self.capture.store(capture.0, Ordering::Relaxed);
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        cfg!(not(feature = "content")) || self.forbidden.load(Ordering::Acquire)
    }

    pub(crate) fn forbid(&self, forbid: bool) {
        self.forbidden.store(forbid, Ordering::Release);
    }
}
