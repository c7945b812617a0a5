//! A middleware for `reqwest-middleware`.

use std::task::Poll;

use ::reqwest::{Body, Request, Response};
use async_trait::async_trait;
use http::Extensions;
use llmobs_core::{Attempt, Recorder, TransportError};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::body::{TapBody, tap_headers};
use crate::propagate::propagate;
use crate::reqwest::{self, with_body};

/// Observes the calls of a `reqwest_middleware::ClientWithMiddleware`.
///
/// Requests that no registered decoder knows pass as they are. The rest is sent and answered as
/// without it, but for the error of a broken answer: reqwest wraps it once more, its text the same.
///
/// Each request that comes through is a call. After (inside) a retry middleware each attempt is a
/// call of its own; before (outside) it there is one call however often it was tried, and
/// [`retries_inside`](Self::retries_inside) should say so. Where two observers stand on top of each
/// other, the outer one observes.
///
/// ```
/// use llmobs_http::ObserveMiddleware;
/// use reqwest_middleware::ClientBuilder;
///
/// let client = ClientBuilder::new(reqwest::Client::new()).with(ObserveMiddleware::new()).build();
/// # drop(client);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ObserveMiddleware {
    recorder: Option<Recorder>,
    retries_inside: bool,
}

/// In the extensions of a request that is being observed.
#[derive(Clone)]
struct Observed(Recorder);

impl ObserveMiddleware {
    /// A middleware for the recorder that is current when a call is made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends everything to `recorder`. Defaults to the one current when a call is made.
    #[must_use]
    pub fn recorder(mut self, recorder: &Recorder) -> Self {
        self.recorder = Some(recorder.clone());
        self
    }

    /// Says that a middleware after this one may try again, so that nobody here knows how many
    /// requests were sent, nor when the last one was: `attempts` and the times from there on are
    /// left out. Defaults to one request a call.
    #[must_use]
    pub fn retries_inside(mut self) -> Self {
        self.retries_inside = true;
        self
    }
}

#[async_trait]
impl Middleware for ObserveMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let recorder = self.recorder.clone().or_else(Recorder::current);
        let outer = extensions.get::<Observed>().cloned();
        let recorder = recorder.filter(|recorder| !outer.is_some_and(|outer| outer.0.is(recorder)));
        let opened = |recorder| Some((reqwest::open(&recorder, &mut request)?, recorder));
        let Some((call, recorder)) = recorder.and_then(opened) else {
            return next.run(request, extensions).await;
        };
        // A body that is a stream cannot be sent twice, with or without us.
        reqwest::watch(&mut request, &call.handle());
        propagate(&call.handle(), request.headers_mut());
        if self.retries_inside {
            call.attempts_unseen();
        }
        let outer = extensions.insert(Observed(recorder));
        let attempt = call.handle().attempt();
        let mut sending = next.run(request, extensions);
        let sent = std::future::poll_fn(|cx| {
            let mut polled = Poll::Pending;
            call.attach(&mut || polled = sending.as_mut().poll(cx));
            polled
        });
        let sent = sent.await;
        drop(sending);
        // The extensions are the caller's, and may serve for another request.
        match outer {
            Some(outer) => extensions.insert(outer),
            None => extensions.remove::<Observed>(),
        };
        match sent {
            Ok(response) => {
                let response = tapped(response, attempt);
                call.returned();
                Ok(response)
            }
            Err(err) => {
                call.failed(classify(&err));
                Err(err)
            }
        }
    }
}

fn tapped(response: Response, attempt: Attempt) -> Response {
    with_body(response, |parts, body| {
        let tap = tap_headers(attempt, parts.status, &parts.headers);
        Body::wrap(TapBody::new(body, tap, reqwest::classify))
    })
}

/// What kind of failure an error is.
fn classify(err: &Error) -> TransportError {
    match err {
        Error::Reqwest(err) => reqwest::classify(err),
        // Retries and the like wrap the error they gave up over.
        Error::Middleware(err) => err
            .chain()
            .find_map(|source| source.downcast_ref::<::reqwest::Error>())
            .map_or(TransportError::Other, reqwest::classify),
    }
}
