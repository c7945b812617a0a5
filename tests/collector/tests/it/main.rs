//! What a collector and Prometheus make of what llmobs sends.

mod axum;
mod outage;
mod scrape;
mod shop;
mod signals;
mod switches;
