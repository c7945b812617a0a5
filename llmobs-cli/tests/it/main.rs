//! The real binary, on small files.

mod by;
mod cost;
mod damage;
mod decode;
mod fallbacks;
mod fixtures;
mod flags;
mod golden;
#[cfg(target_os = "linux")]
mod many;
#[path = "../../../llmobs-openai/tests/it/recordings_corpus.rs"]
mod recordings_corpus;
#[path = "../../../llmobs-openai/tests/it/recordings_facts.rs"]
mod recordings_facts;
mod report;
mod run;
mod schema;
mod stages;
mod trace;
