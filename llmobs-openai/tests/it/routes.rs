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
    let image = Some(("generate_content", "images"));
    check("POST", "/v1/images/generations", image);
    check("POST", "/v1/images/edits", image);
    check("POST", "/v1/images/variations/", image);
    check("POST", "/openai/deployments/x/images/generations", image);
    check("POST", "/v1/audio/speech", Some(("generate_content", "audio_speech")));
    let heard = Some(("transcription", "audio_transcriptions"));
    check("POST", "/v1/audio/transcriptions", heard);
    check("POST", "/openai/deployments/x/audio/transcriptions", heard);
    check("POST", "/v1/audio/translations", Some(("translation", "audio_translations")));
    check("POST", "/v1/moderations", Some(("moderation", "moderations")));
    check("GET", "/v1/audio/speech", None);
    check("POST", "/v1/speech", None);
    check("POST", "/v1/files", None);
    check("POST", "/", None);
    check("POST", "", None);
}

#[test]
fn of_a_client_that_speaks_to_nothing_else_every_post_has_a_name() {
    let check = |method, path, expected: Option<(&str, &str)>| {
        let target = Target { method, host: "host.test", port: None, path };
        let route = OpenAi.route_other(&target);
        assert_eq!(route.map(|it| (it.operation, it.api)), expected, "{method} {path}");
    };
    check("POST", "/v1/files", Some(("api_call", "files")));
    check("POST", "/v1/batches/batch_1/cancel", Some(("api_call", "batches")));
    check("POST", "/v1/fine_tuning/jobs", Some(("api_call", "fine_tuning")));
    check("POST", "/openai/uploads/up_1/parts", Some(("api_call", "uploads")));
    check("POST", "/v1/vector_stores/vs_1/files", Some(("api_call", "vector_stores")));
    check("POST", "/v1/vector_stores/vs_1/search", Some(("retrieval", "vector_stores")));
    check("POST", "/v1/audio/voices", Some(("api_call", "audio")));
    check("POST", "/v1/responses/input_tokens", Some(("api_call", "responses")));
    check("POST", "/v1/chat/completions/chatcmpl-1", Some(("api_call", "chat")));
    check("POST", "/v1/something/canary-4711", Some(("api_call", "other")));
    check("POST", "", Some(("api_call", "other")));
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD", ""] {
        check(method, "/v1/files/file-1", None);
    }
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
