//! Views of `llmobs/1` records for people: a report over many calls, and one trace as a tree.
//!
//! This crate is the `llmobs` command. It is a library too, for programs that want to print the
//! same views of records they hold:
//!
//! ```
//! use llmobs_cli::{Style, report, trace};
//! use llmobs_core::testing::Recording;
//! use llmobs_core::{Step, StepKind};
//!
//! let recording = Recording::new();
//! recording.scope().run_sync(|| Step::start(StepKind::Prompt, "build").end());
//! let records = recording.records();
//!
//! let style = Style::default();
//! assert!(report::table(&records, &style).contains("1 step"));
//! assert!(trace::tree(&records, &style).contains("prompt build"));
//! ```

mod cost;
pub mod decode;
pub mod input;
pub mod report;
mod stage;
mod style;
mod text;
pub mod trace;
mod tree;

pub use self::style::Style;
