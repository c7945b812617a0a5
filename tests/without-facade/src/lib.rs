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
    use llmobs_core::testing::Recording;
    use llmobs_core::{BodyEnd, CallStart, Capture, Content, Record, Target};

    #[test]
    fn a_step_and_a_client_are_observed() {
        let recording = super::recording();
        recording.scope().run_sync(|| assert_eq!(super::look_up("abc"), 3));
        let records = recording.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].name.as_deref(), Some("look_up"));
        llmobs_openai::assert_instrumented(&super::client());
    }

    /// This crate alone is built without `content`; the whole workspace at once is built with it.
    #[test]
    fn without_the_feature_nothing_that_is_said_is_kept_whatever_is_turned_on() {
        const SAID: &[u8] =
            br#"{"model":"m","user":"u","messages":[{"role":"user","content":"canary"}],
            "tools":[{"type":"function","function":{"name":"f","description":"canary"}}]}"#;
        const ANSWERED: &[u8] = br#"{"model":"m-1","choices":[{"index":0,"finish_reason":"stop",
            "message":{"content":"canary","tool_calls":[{"id":"c","function":{"name":"f","arguments":"canary"}}]}}]}"#;
        let recording = Recording::with(|builder| {
            builder.decoder(llmobs_openai::OpenAi::new()).capture(Capture::ALL)
        });
        let path = "/v1/chat/completions";
        let target = Target { method: "POST", host: "h.test", port: None, path };
        let body = Some(SAID.to_vec().into());
        recording.scope().capture(Capture::ALL.input(true).output(true)).run_sync(|| {
            let call = recording.recorder().call(CallStart { target, body, body_len: None });
            let call = call.expect("the exchange is observed");
            let mut tap = call.handle().attempt().headers(200, [("x-a", &b"b"[..])].into_iter());
            call.returned();
            tap.data(&ANSWERED.to_vec().into());
            tap.end(BodyEnd::Complete);
        });
        let content = Content { input_messages: Some("canary".into()), ..Content::default() };
        let own = Record { content: Some(Box::new(content)), ..Record::default() };
        recording.recorder().record(own);
        let records = recording.records();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].model_version.as_deref(), Some("m-1"));
        let with_feature = Capture::NONE.output(true).has_output();
        assert_eq!(Capture::ALL == Capture::NONE, !with_feature);
        for record in &*records {
            assert_eq!(format!("{record:?}").contains("canary"), with_feature, "{record:?}");
        }
    }
}
