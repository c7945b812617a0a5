//! What a collector and Prometheus make of what llmobs sends.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "the helpers of tests fail out loud")]

mod axum;
mod odd;
mod outage;
mod scrape;
mod shop;
mod signals;
mod way;
