//! Shows that core, openai and macros work without the facade.
//!
//! A crate that depends on these three alone: nothing but its compiling is needed of most of it.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use llmobs_core::testing::Recording;
use llmobs_macros::trace_llm;

/// A client under observation.
pub fn client() -> Client<OpenAIConfig> {
    llmobs_openai::client(OpenAIConfig::new().with_api_base("http://127.0.0.1:1/v1"))
}

/// A recorder that reads OpenAI's formats.
pub fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(llmobs_openai::OpenAi::new()))
}

/// A step of its own.
#[trace_llm(kind = "tool", name = "look_up", crate = llmobs_core)]
pub fn look_up(key: &str) -> usize {
    key.len()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_step_and_a_client_are_observed() {
        let recording = super::recording();
        recording.scope().run_sync(|| assert_eq!(super::look_up("abc"), 3));
        let records = recording.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].name.as_deref(), Some("look_up"));
        llmobs_openai::assert_instrumented(&super::client());
    }
}
