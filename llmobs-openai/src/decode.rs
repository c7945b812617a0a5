//! The OpenAI wire formats, as OpenAI and everybody who imitates it speaks them.

mod answer;
mod chat;
mod choice;
mod embeddings;
mod error;
mod headers;
mod items;
mod json;
mod kept;
mod logprobs;
mod messages;
mod request;
mod responses;
mod safety;
mod texts;
mod timing;
mod tools;
mod usage;

use llmobs_core::semconv::operation;
use llmobs_core::{Capture, Decoder, Fold, Record, Route, Target, Text};

use self::chat::ChatFold;
use self::embeddings::EmbeddingsFold;
use self::responses::ResponsesFold;
use crate::provider;

/// Reads chat completions, responses, legacy completions and embeddings of any provider.
///
/// An exchange is known by its method and by how its path ends; the prefix and the host are
/// anybody's. What a server sends beside, or instead of, what the format asks for is taken as it
/// is: a member of an unexpected type is as if it were not there.
///
/// Reading or cancelling a stored response is [`operation::FETCH_RESPONSE`]: it tells the usage of
/// a call that was made before.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAi;

const CHAT: &str = "chat_completions";
const COMPLETIONS: &str = "completions";
const EMBEDDINGS: &str = "embeddings";
const RESPONSES: &str = "responses";

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
        let mut segments = target.path.rsplit('/').skip_while(|segment| segment.is_empty());
        let last = segments.next()?;
        let (before, before_that) = (segments.next(), segments.next());
        let (operation, api) = match (target.method, before_that, before, last) {
            ("POST", _, Some("chat"), "completions") => (operation::CHAT, CHAT),
            ("POST", _, _, "completions") => (operation::TEXT_COMPLETION, COMPLETIONS),
            ("POST", _, _, "embeddings") => (operation::EMBEDDINGS, EMBEDDINGS),
            ("POST", _, _, "responses") => (operation::CHAT, RESPONSES),
            ("POST", _, Some("responses"), "compact") => (operation::CHAT, RESPONSES),
            ("POST", Some("responses"), Some(_), "cancel") | ("GET", _, Some("responses"), _) => {
                (operation::FETCH_RESPONSE, RESPONSES)
            }
            _ => return None,
        };
        Some(Route { operation, api, provider: provider::of_host(target.host) })
    }

    fn request(&self, _: &Route, body: &[u8], capture: Capture, record: &mut Record) {
        request::read(body, capture, record);
    }

    fn texts(&self, _: &Route, body: &[u8], visit: &mut dyn FnMut(Text<'_>)) {
        texts::visit(body, visit);
    }

    fn fold(&self, route: &Route, record: &Record, capture: Capture) -> Box<dyn Fold> {
        match route.api {
            EMBEDDINGS => Box::new(EmbeddingsFold::new(capture)),
            RESPONSES => Box::new(ResponsesFold::new(capture)),
            api => Box::new(ChatFold::new(api == COMPLETIONS, record, capture)),
        }
    }
}
