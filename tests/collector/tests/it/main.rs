//! What a collector and Prometheus make of what llmobs sends.

mod axum;
