//! What several tests need.

use std::path::PathBuf;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs,
};
use llmobs::testing::Recording;
use llmobs_conformance::{Checker, Exceptions};
use llmobs_testserver::Server;

/// Attributes that the tests' application gives its steps.
const APPLICATION: [&str; 1] = ["said"];

/// A client of `server` that observes, with whichever recorder is current.
pub(crate) fn client(server: &Server) -> Client<OpenAIConfig> {
    llmobs::openai::client(config(server))
}

/// Where `server` is.
pub(crate) fn config(server: &Server) -> OpenAIConfig {
    OpenAIConfig::new().with_api_base(server.base_url()).with_api_key("sk-test")
}

/// A question, with usage asked for.
pub(crate) fn question(text: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from(text).into()])
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()
        .expect("the request is complete")
}

/// What arrived over OTLP at `server` is as the conventions' registries have it, or declared.
#[track_caller]
pub(crate) fn assert_conforms(server: &Server) {
    let checker = Checker::of_this_workspace().expect("the registries can be read");
    let Some(checker) = checker.map(|checker| checker.application(APPLICATION)) else { return };
    let exceptions = Exceptions::of_this_workspace().expect("a list of exceptions");
    let mut requests = 0;
    for request in server.received() {
        let found = checker.check_body(request.path(), &request.body).expect("a protobuf body");
        if let Some(found) = found {
            requests += 1;
            let undeclared = exceptions.undeclared(found);
            let told: Vec<_> = undeclared.iter().map(ToString::to_string).collect();
            assert!(told.is_empty(), "{}", told.join("\n"));
        }
    }
    assert!(requests > 0, "nothing arrived over OTLP");
}

/// A recorder of this test's own, on the machine's clock.
pub(crate) fn recording() -> Recording {
    llmobs::testing::recording()
}

/// The recorded exchanges, where they are; in CI they must be.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn recordings() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recordings"))
        .join("recordings.jsonl.gz");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    println!("SKIPPED: {} is missing", path.display());
    None
}
