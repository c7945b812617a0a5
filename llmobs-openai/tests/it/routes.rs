//! Which exchanges are read, as what, and whose they are.

use llmobs_core::{Decoder, Route, Target};
use llmobs_openai::OpenAi;

fn route(method: &str, host: &str, path: &str) -> Option<Route> {
    OpenAi.route(&Target { method, host, port: None, path })
}

#[test]
fn an_exchange_is_known_by_method_and_end_of_path() {
    let check = |method, path, expected: Option<(&str, &str)>| {
        let route = route(method, "host.test", path);
        assert_eq!(route.map(|it| (it.operation, it.api)), expected, "{method} {path}");
    };
    let chat = Some(("chat", "chat_completions"));
    check("POST", "/v1/chat/completions", chat);
    check("POST", "/chat/completions/", chat);
    check("POST", "//openai/deployments/x/chat/completions", chat);
    check("GET", "/v1/chat/completions", None);
    check("POST", "/v1/chat/completions/id", None);
    check("POST", "/v1/completions", Some(("text_completion", "completions")));
    check("POST", "/v1/embeddings", Some(("embeddings", "embeddings")));
    check("POST", "/v1/responses", Some(("chat", "responses")));
    check("POST", "/v1/responses/compact", Some(("chat", "responses")));
    check("GET", "/v1/responses/resp_1", Some(("fetch_response", "responses")));
    check("POST", "/v1/responses/resp_1/cancel", Some(("fetch_response", "responses")));
    check("GET", "/v1/responses/resp_1/input_items", None);
    check("POST", "/v1/responses/input_tokens", None);
    check("DELETE", "/v1/responses/resp_1", None);
    check("GET", "/v1/responses", None);
    check("POST", "/", None);
    check("POST", "", None);
}

#[test]
fn a_provider_is_known_by_its_host() {
    let check = |host, expected: Option<&str>| {
        let route = route("POST", host, "/v1/chat/completions").expect("a chat");
        assert_eq!(route.provider, expected, "{host}");
    };
    check("api.openai.com", Some("openai"));
    check("API.OpenAI.com", Some("openai"));
    check("us.api.openai.com", Some("openai"));
    check("my-resource.openai.azure.com", Some("azure.ai.openai"));
    check("api.groq.com", Some("groq"));
    check("api.mistral.ai", Some("mistral_ai"));
    check("api.deepseek.com", Some("deepseek"));
    check("api.x.ai", Some("x_ai"));
    check("api.perplexity.ai", Some("perplexity"));
    check("bedrock-runtime.us-east-1.amazonaws.com", Some("aws.bedrock"));
    check("us-central1-aiplatform.googleapis.com", Some("gcp.vertex_ai"));
    check("evil-api.openai.com.test", None);
    check("notapi.openai.com.evil.test", None);
    check("openai.azure.com", None);
    check("localhost", None);
    check("", None);
}
