//! The OpenAI wire formats, as OpenAI and everybody who imitates it speaks them.

mod answer;
mod chat;
mod choice;
mod cost;
mod embeddings;
mod error;
mod estimate;
mod headers;
mod items;
mod json;
mod kept;
mod logprobs;
#[cfg(feature = "content")]
mod media;
#[cfg_attr(not(feature = "content"), path = "decode/messages/disabled.rs")]
mod messages;
mod operation;
mod repeat;
mod request;
mod responses;
mod route;
mod safety;
mod texts;
mod timing;
mod tools;
mod usage;

use llmobs_core::semconv::api;
use llmobs_core::{Capture, Decoder, Fold, Record, Route, Target, Text, is_binary};

use self::chat::ChatFold;
use self::embeddings::EmbeddingsFold;
#[cfg(feature = "estimate")]
pub use self::estimate::Estimate;
use self::estimate::Meter;
pub(crate) use self::kept::identifier;
use self::operation::OperationFold;
use self::responses::ResponsesFold;

/// Reads chat completions, responses, legacy completions, embeddings, images, speech, transcripts
/// and moderations of any provider; and, of a client that speaks to nothing else, whatever it posts.
///
/// An exchange is known by its method and by how its path ends; the prefix and the host are
/// anybody's. What a server sends beside, or instead of, what the format asks for is taken as it
/// is: a member of an unexpected type is as if it were not there.
///
/// Reading or cancelling a stored response is
/// [`FETCH_RESPONSE`](llmobs_core::semconv::operation::FETCH_RESPONSE): it tells the usage of a call
/// that was made before. Sound, pictures and files are counted, not kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAi;

impl OpenAi {
    /// The decoder.
    pub fn new() -> Self {
        Self
    }
}

impl Decoder for OpenAi {
    fn wants(&self, header: &str) -> bool {
        headers::wants(header)
    }

    fn route(&self, target: &Target<'_>) -> Option<Route> {
        route::known(target)
    }

    fn route_other(&self, target: &Target<'_>) -> Option<Route> {
        route::other(target)
    }

    fn counts(&self, route: &Route, content_type: Option<&str>) -> bool {
        match (route.api, content_type) {
            // Some call a stream of events no more than bytes.
            _ if is_text(route) => false,
            (api::AUDIO_SPEECH, None) => true,
            (_, content_type) => content_type.is_some_and(is_binary),
        }
    }

    /// `/openai/deployments/NAME/chat/completions`: the body of such a request need not name a model.
    fn deployment<'a>(&self, target: &Target<'a>) -> Option<&'a str> {
        route::deployment(target)
    }

    fn request(&self, route: &Route, body: &[u8], capture: Capture, record: &mut Record) {
        if is_text(route) {
            request::read(body, capture, record);
        } else {
            operation::request(route, body, capture, record);
        }
    }

    fn texts(&self, route: &Route, body: &[u8], visit: &mut dyn FnMut(Text<'_>)) {
        if !operation::is_anything(route) {
            texts::visit(body, visit);
        }
    }

    fn fold(&self, route: &Route, record: &Record, capture: Capture) -> Box<dyn Fold> {
        fold(route, record, capture, Meter::off())
    }
}

fn fold(route: &Route, record: &Record, capture: Capture, meter: Meter) -> Box<dyn Fold> {
    if !is_text(route) {
        return Box::new(OperationFold::new(route, capture));
    }
    match route.api {
        api::EMBEDDINGS => Box::new(EmbeddingsFold::new(capture, meter)),
        api::RESPONSES => Box::new(ResponsesFold::new(capture, meter)),
        api => Box::new(ChatFold::new(api == api::COMPLETIONS, record, capture, meter)),
    }
}

/// Whether an exchange is of the APIs for text, which are always read.
fn is_text(route: &Route) -> bool {
    use llmobs_core::semconv::operation::{CHAT, EMBEDDINGS, FETCH_RESPONSE, TEXT_COMPLETION};

    matches!(route.operation, CHAT | TEXT_COMPLETION | EMBEDDINGS | FETCH_RESPONSE)
}
