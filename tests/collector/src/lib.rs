//! A real collector and a real Prometheus for tests, and what came out of them.
//!
//! The collector stands in the middle: what llmobs exports goes into it, and what it makes of that
//! comes out to a [`Receiver`], which decodes it. So a test sees what a backend would see.

#![expect(clippy::missing_panics_doc, reason = "whatever goes wrong in here fails a test")]

mod collector;
mod process;
mod prometheus;
mod receiver;
mod service;
mod tool;
mod tree;

pub use self::collector::Collector;
pub use self::process::until;
pub use self::prometheus::{Prometheus, Sample};
pub use self::receiver::{Arrived, ArrivedSpan, Receiver};
pub use self::service::{Mode, Service};
pub use self::tool::Tool;
pub use self::tree::{Branch, tree};
