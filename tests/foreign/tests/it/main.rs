//! llmobs beside rig, genai, tracing-opentelemetry, axum and Logfire.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests fail out loud"
)]

mod genai;
mod rig;
mod wire;
mod world;
