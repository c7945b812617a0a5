//! Typed streams of OpenAI's formats, seen where the application reads them.

use std::any::Any;

use async_openai::error::{OpenAIError, StreamError};
use futures_core::Stream;
use llmobs_core::semconv::error_type;
use llmobs_core::{
    Notes, ObservedOpening, StreamObserver, StreamStart, Term, TransportError, observe_opening,
};
use serde::Serialize;

use crate::decode::identifier;

/// Observes a typed stream where it is read, together with the call that opens it.
///
/// async-openai reads the answer on a task of its own into a channel without bounds, so the wire
/// knows nothing of the reader. This adds what only the reader shows, in
/// [`Record::consumer`](llmobs_core::Record::consumer): how long items waited for the application,
/// when it got the first one, whether it left after the wire had ended, and errors that the typed
/// decoding made of a good answer.
///
/// With an observed client it is one record, the wire's. With any other, the record is made of the
/// items, and its times are the reader's.
///
/// ```
/// # use async_openai::{Client, config::OpenAIConfig, error::OpenAIError};
/// # use async_openai::types::chat::{ChatCompletionResponseStream, CreateChatCompletionRequest};
/// use llmobs_openai::{Items, ObservedStream, observe};
///
/// async fn open(
///     client: &Client<OpenAIConfig>,
///     request: CreateChatCompletionRequest,
/// ) -> Result<ObservedStream<ChatCompletionResponseStream, Items>, OpenAIError> {
///     observe(client.chat().create_stream(request), Items::chat()).await
/// }
/// ```
pub fn observe<F, S, T, I, E>(opening: F, items: Items) -> ObservedOpening<F, Items>
where
    F: Future<Output = Result<S, E>>,
    S: Stream<Item = Result<T, I>>,
    T: Serialize,
    I: Any,
    E: Any,
{
    observe_opening(opening, items)
}

/// Items of a stream in one of OpenAI's formats: async-openai's own types, or whatever else is
/// written as the same JSON.
///
/// Where nobody else sees the call, an item is written down as JSON on the reader's task and read on
/// the recorder's thread by the same code that reads the wire, so that all is told that the wire
/// would tell. To copy the item and write it down there would take an allocation for each of its
/// texts.
#[derive(Clone, Debug)]
pub struct Items {
    start: StreamStart,
}

impl Items {
    /// Chunks of chat completions.
    pub fn chat() -> Self {
        Self { start: StreamStart::in_format("POST", "/chat/completions") }
    }

    /// Events of the Responses API.
    pub fn responses() -> Self {
        Self { start: StreamStart::in_format("POST", "/responses") }
    }

    /// Chunks of legacy completions.
    pub fn completions() -> Self {
        Self { start: StreamStart::in_format("POST", "/completions") }
    }

    /// Where the call goes, if nobody else sees it. Defaults to unknown.
    #[must_use]
    pub fn server(mut self, host: impl Into<String>, port: Option<u16>) -> Self {
        self.start = self.start.server(host.into(), port);
        self
    }

    /// What is asked, if nobody else sees it: the model, the parameters, and the input where it is
    /// captured. It is written down here and now. Defaults to unknown.
    #[must_use]
    pub fn request<R: Serialize + ?Sized>(mut self, request: &R) -> Self {
        // A request that cannot be written down was not sent either.
        if let Ok(body) = serde_json::to_vec(request) {
            self.start = self.start.request(body);
        }
        self
    }
}

impl<T, E> StreamObserver<Result<T, E>> for Items
where
    T: Serialize,
    E: Any,
{
    fn start(&self) -> StreamStart {
        self.start.clone()
    }

    fn error_type(&self, error: &dyn Any) -> Option<Term> {
        Some(kind(error.downcast_ref()?))
    }

    fn item(&mut self, item: &Result<T, E>, notes: &mut Notes<'_>) {
        match item {
            Ok(item) => notes.event(item),
            Err(err) => failed(err, notes),
        }
    }
}

fn failed(err: &dyn Any, notes: &mut Notes<'_>) {
    let Some(err) = err.downcast_ref::<OpenAIError>() else {
        return notes.failed(error_type::OTHER);
    };
    // What the client's types refused is here as it came, errors that a server sent among it.
    if let OpenAIError::JSONDeserialize(_, json) = err
        && notes.is_wanted()
        && let Ok(event) = serde_json::from_str::<serde_json::Value>(json)
    {
        notes.event(&event);
    }
    notes.failed(kind(err));
}

/// What failed. The text of an error is never looked at: it may quote content.
fn kind(err: &OpenAIError) -> Term {
    match err {
        OpenAIError::Reqwest(err) => llmobs_http::reqwest::classify(err).error_type().into(),
        OpenAIError::ApiError(err) => {
            let names = [&err.api_error.r#type, &err.api_error.code];
            let named = names.into_iter().flatten().find_map(|name| identifier(name));
            named.map_or_else(|| err.status_code.as_str().to_owned().into(), Into::into)
        }
        OpenAIError::JSONDeserialize(..) => error_type::DECODE.into(),
        OpenAIError::StreamError(err) => match **err {
            StreamError::EventStream(_) => TransportError::Broken.error_type().into(),
            StreamError::UnknownEvent(_) => error_type::DECODE.into(),
        },
        OpenAIError::InvalidArgument(_) => TransportError::Request.error_type().into(),
        _ => error_type::OTHER.into(),
    }
}
