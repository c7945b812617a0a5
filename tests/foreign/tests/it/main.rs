//! llmobs beside rig, genai, tracing-opentelemetry, axum and Logfire.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "the helpers of tests fail out loud")]

mod genai;
mod logfire;
mod rig;
mod service;
mod wire;
mod world;
