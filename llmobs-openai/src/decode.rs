//! The OpenAI wire formats, as OpenAI and everybody who imitates it speaks them.

mod answer;
mod chat;
mod choice;
mod error;
mod headers;
mod json;
mod kept;
mod logprobs;
mod messages;
mod request;
mod safety;
mod timing;
mod tools;
mod usage;

use llmobs_core::semconv::operation;
use llmobs_core::{Capture, Decoder, Fold, Record, Route, Target};

use self::chat::ChatFold;
use crate::provider;

/// Reads chat completions, and legacy completions, of any provider.
///
/// An exchange is known by its method and by how its path ends; the prefix and the host are
/// anybody's. What a server sends beside, or instead of, what the format asks for is taken as it
/// is: a member of an unexpected type is as if it were not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAi;

const CHAT: &str = "chat_completions";
const COMPLETIONS: &str = "completions";

impl OpenAi {
    /// The decoder.
    pub fn new() -> Self {
        Self
    }
}

/// Beginnings of the response headers that say something of a call.
const HEADERS: [&str; 13] = [
    "x-",
    "openai-",
    "request-id",
    "retry-after",
    "ratelimit",
    "content-",
    "cf-",
    "apim-",
    "azureml-",
    "anthropic-",
    "helicone-cache",
    "server-timing",
    "cache",
];

impl Decoder for OpenAi {
    fn wants(&self, header: &str) -> bool {
        HEADERS.iter().any(|start| header.starts_with(start))
    }

    fn route(&self, target: &Target<'_>) -> Option<Route> {
        if target.method != "POST" {
            return None;
        }
        let path = target.path.trim_end_matches('/');
        let (operation, api) = if path.ends_with("/chat/completions") {
            (operation::CHAT, CHAT)
        } else if path.ends_with("/completions") {
            (operation::TEXT_COMPLETION, COMPLETIONS)
        } else {
            return None;
        };
        Some(Route { operation, api, provider: provider::of_host(target.host) })
    }

    fn request(&self, _: &Route, body: &[u8], capture: Capture, record: &mut Record) {
        request::read(body, capture, record);
    }

    fn fold(&self, route: &Route, record: &Record, capture: Capture) -> Box<dyn Fold> {
        Box::new(ChatFold::new(route.api == COMPLETIONS, record, capture))
    }
}
