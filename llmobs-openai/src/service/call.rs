//! One logical call.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use llmobs_core::{Call, Recorder, TransportError, UsagePolicy};
use pin_project_lite::pin_project;
use reqwest::Response;
use tower::Service;
use tower::util::Oneshot;

use super::request::{build_now, factory};
use crate::check::{Layer, probed};

/// Observes logical calls; goes outside the retries and any limiter, so that their waiting counts
/// as queue time.
#[derive(Clone, Debug, Default)]
pub struct CallLayer {
    recorder: Option<Recorder>,
    usage: Option<UsagePolicy>,
}

impl CallLayer {
    /// A layer for the recorder that is current when a call is made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends everything to `recorder`. Defaults to the one current when a call is made.
    #[must_use]
    pub fn recorder(mut self, recorder: &Recorder) -> Self {
        self.recorder = Some(recorder.clone());
        self
    }

    /// When streamed chats ask for usage that the application did not ask for. Defaults to what the
    /// recorder says, which is [`UsagePolicy::Auto`] unless set.
    ///
    /// `Auto` asks api.openai.com and its regions, and api.groq.com. `stream_options.include_usage`
    /// is spliced into the request's bytes, and the event that it brings, the one with usage and
    /// empty `choices`, is taken out of the answer again: one for each choice asked for at most. The
    /// rest is what the server sent. Left as they are: requests that say anything about it
    /// themselves, are signed, compressed, not in memory, or accept a compressed answer; and answers
    /// that are compressed all the same.
    #[must_use]
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.usage = Some(policy);
        self
    }
}

impl<S> tower::Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner, recorder: self.recorder.clone(), usage: self.usage }
    }
}

/// What [`CallLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct CallService<S> {
    inner: S,
    recorder: Option<Recorder>,
    usage: Option<UsagePolicy>,
}

impl<S> Service<HttpRequestFactory> for CallService<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = CallFuture<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // The wait for a limiter inside belongs to the call, so it happens in the future.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequestFactory) -> CallFuture<S> {
        let inner = self.inner.clone();
        let recorder = match probed(Layer::Call) {
            true => None,
            false => self.recorder.clone().or_else(Recorder::current),
        };
        let Some(recorder) = recorder.filter(Recorder::is_enabled) else {
            return CallFuture::Plain { inner: Oneshot::new(inner, request) };
        };
        let usage = self.usage.unwrap_or_else(|| recorder.usage());
        match build_now(&request) {
            Some(Ok(first)) => CallFuture::observed(&recorder, usage, inner, first, request),
            // It fails again below, and the application gets that very error.
            Some(Err(_)) => CallFuture::Plain { inner: Oneshot::new(inner, request) },
            None => CallFuture::Building {
                building: Box::pin(async move {
                    match request.build().await {
                        Ok(first) => CallFuture::observed(&recorder, usage, inner, first, request),
                        Err(_) => CallFuture::Plain { inner: Oneshot::new(inner, request) },
                    }
                    .await
                }),
            },
        }
    }
}

type Building<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

pin_project! {
    /// The future of [`CallService`].
    #[project = CallFutureProjection]
    pub enum CallFuture<S: Service<HttpRequestFactory>> {
        /// Nothing to observe.
        Plain {
            #[pin]
            inner: Oneshot<S, HttpRequestFactory>,
        },
        /// A call under way.
        Observed {
            #[pin]
            inner: Oneshot<S, HttpRequestFactory>,
            call: Option<Call>,
        },
        /// A request whose body takes waiting to build.
        Building { building: Building<S::Error> },
    }
}

impl<S> CallFuture<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone,
{
    fn observed(
        recorder: &Recorder,
        usage: UsagePolicy,
        inner: S,
        mut first: reqwest::Request,
        rebuild: HttpRequestFactory,
    ) -> Self {
        let call = llmobs_http::reqwest::open_to_provider(recorder, &mut first);
        let request = factory(first, rebuild, call.as_ref().map(Call::handle), usage);
        let inner = Oneshot::new(inner, request);
        match call {
            Some(call) => Self::Observed { inner, call: Some(call) },
            None => Self::Plain { inner },
        }
    }
}

impl<S> Future for CallFuture<S>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: 'static,
{
    type Output = Result<Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            CallFutureProjection::Plain { inner } => inner.poll(cx),
            CallFutureProjection::Building { building } => building.as_mut().poll(cx),
            CallFutureProjection::Observed { mut inner, call } => {
                let mut polled = Poll::Pending;
                match call {
                    Some(call) => call.attach(&mut || polled = inner.as_mut().poll(cx)),
                    None => polled = inner.poll(cx),
                }
                let result = std::task::ready!(polled);
                match (&result, call.take()) {
                    (Ok(_), Some(call)) => call.returned(),
                    (Err(err), Some(call)) => call.failed(classify(err)),
                    (_, None) => {}
                }
                Poll::Ready(result)
            }
        }
    }
}

impl<S: Service<HttpRequestFactory>> fmt::Debug for CallFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain { .. } => "Plain",
            Self::Observed { .. } => "Observed",
            Self::Building { .. } => "Building",
        })
    }
}

/// What kind of failure an error is. Its text is never looked at: it may quote content.
fn classify(error: &dyn Any) -> TransportError {
    if let Some(OpenAIError::Reqwest(err)) = error.downcast_ref::<OpenAIError>() {
        return llmobs_http::reqwest::classify(err);
    }
    if let Some(err) = error.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>() {
        if let Some(OpenAIError::Reqwest(err)) = err.downcast_ref::<OpenAIError>() {
            return llmobs_http::reqwest::classify(err);
        }
        // A `tower` time limit around the retries says no more than its text.
        if err.to_string() == "request timed out" {
            return TransportError::Timeout;
        }
    }
    TransportError::Other
}
