//! For your own tests: records in memory, a fake clock, the same ids in every run.

pub use llmobs_core::testing::*;

/// A recorder for one test that knows every wire format a running service knows.
///
/// Tests may run in parallel: what happens inside its [`scope`](Recording::scope) goes to it and
/// to nobody else.
///
/// ```
/// use llmobs::{Step, StepKind};
///
/// let recording = llmobs::testing::recording();
/// recording.scope().run_sync(|| Step::start(StepKind::Tool, "look_up").end());
/// assert_eq!(recording.records().len(), 1);
/// ```
pub fn recording() -> Recording {
    Recording::with(|builder| {
        #[cfg(feature = "openai")]
        let builder = builder.decoder(llmobs_openai::OpenAi::new());
        builder
    })
}
