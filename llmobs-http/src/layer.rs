//! A layer for any client that is a `tower` service of HTTP requests.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use llmobs_core::{Attempt, Call, Recorder, Target, TransportError};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{TapBody, tap_headers};
use crate::propagate::propagate;
use crate::request_body::{RequestBody, in_memory, opened, tap_of};

/// Observes the calls that pass through a service of [`http::Request`]s: hyper-util's client, a
/// proxy's upstream, any client built of `tower` layers.
///
/// Requests that no registered decoder knows pass as they are. The rest is sent and answered as
/// without it: a request's body is watched as it is sent, an answer's as it arrives.
///
/// Each request that comes through is a call. Outside a retry layer that is one call however often
/// it was tried, its waiting included (say [`retries_inside`](Self::retries_inside)); inside, each attempt is a call of its own. Where two of these
/// stand on top of each other, the outer one observes.
///
/// The host is the request's URI's, or its `Host` header's.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use llmobs_http::ObserveLayer;
/// use tower_layer::Layer;
///
/// # #[derive(Clone)]
/// # struct Client;
/// # impl tower_service::Service<http::Request<llmobs_http::RequestBody<Full<Bytes>>>> for Client {
/// #     type Response = http::Response<Full<Bytes>>;
/// #     type Error = std::convert::Infallible;
/// #     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
/// #     fn poll_ready(
/// #         &mut self,
/// #         _: &mut std::task::Context<'_>,
/// #     ) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(
/// #         &mut self,
/// #         _: http::Request<llmobs_http::RequestBody<Full<Bytes>>>,
/// #     ) -> Self::Future {
/// #         std::future::ready(Ok(http::Response::new(Full::default())))
/// #     }
/// # }
/// // `Client` stands for hyper-util's, or any other.
/// let mut client = ObserveLayer::new().layer(Client);
/// let request = http::Request::post("http://localhost:8000/v1/chat/completions");
/// let request = request.body(Full::new(Bytes::from_static(b"{}")))?;
/// let answer = tower_service::Service::call(&mut client, request);
/// # drop(answer);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    recorder: Option<Recorder>,
    retries_inside: bool,
    classify: fn(&dyn Any) -> TransportError,
}

/// What [`ObserveLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    settings: Settings,
}

/// In the extensions of a request that is being observed.
#[derive(Clone)]
struct Observed(Recorder);

impl ObserveLayer {
    /// A layer for the recorder that is current when a call is made.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                recorder: None,
                retries_inside: false,
                classify: |_| TransportError::Other,
            },
        }
    }

    /// Sends everything to `recorder`. Defaults to the one current when a call is made.
    #[must_use]
    pub fn recorder(mut self, recorder: &Recorder) -> Self {
        self.settings.recorder = Some(recorder.clone());
        self
    }

    /// Says that something inside this layer may try again, so that nobody here knows how many
    /// requests were sent, nor when the last one was: `attempts` and the times from there on are
    /// left out. Defaults to one request a call.
    #[must_use]
    pub fn retries_inside(mut self) -> Self {
        self.settings.retries_inside = true;
        self
    }

    /// Tells what kind of failure an error of the service is, by downcasting it. Defaults to
    /// [`TransportError::Other`] for all.
    #[must_use]
    pub fn classify(mut self, classify: fn(&dyn Any) -> TransportError) -> Self {
        self.settings.classify = classify;
        self
    }
}

impl Default for ObserveLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, settings: self.settings.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Observe<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    B: Body<Data = Bytes> + 'static,
    R: Body<Data = Bytes>,
{
    type Response = Response<TapBody<R>>;
    type Error = S::Error;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let recorder = self.settings.recorder.clone().or_else(Recorder::current);
        let body = in_memory(request.body());
        let watched = body.is_none();
        let call = recorder.and_then(|recorder| open(&recorder, &mut request, body));
        if let Some(call) = &call {
            propagate(&call.handle(), request.headers_mut());
        }
        let watching = call.as_ref().filter(|_| watched);
        let request = match watching.and_then(|call| tap_of(request.headers(), &call.handle())) {
            Some(tap) => request.map(|body| RequestBody::new(body, tap)),
            None => request.map(RequestBody::plain),
        };
        let observed = call.map(|call| {
            if self.settings.retries_inside {
                call.attempts_unseen();
            }
            let attempt = call.handle().attempt();
            (call, attempt)
        });
        let classify = self.settings.classify;
        ObserveFuture { inner: self.inner.call(request), observed, classify }
    }
}

/// Begins to observe the call that a request is.
fn open<B>(recorder: &Recorder, request: &mut Request<B>, body: Option<Bytes>) -> Option<Call> {
    let outer = request.extensions().get::<Observed>();
    if outer.is_some_and(|Observed(outer)| outer.is(recorder)) {
        return None;
    }
    let uri = request.uri();
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => request.headers().get(header::HOST)?.to_str().ok()?.parse().ok()?,
    };
    let usual = match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    let host = authority.host();
    let target = Target {
        method: request.method().as_str(),
        host: host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host),
        port: authority.port_u16().or(usual),
        path: uri.path(),
    };
    let call = opened(target, request.headers(), body, |start| recorder.call(start))?;
    request.extensions_mut().insert(Observed(recorder.clone()));
    Some(call)
}

pin_project! {
    /// The future of [`Observe`].
    pub struct ObserveFuture<F> {
        #[pin]
        inner: F,
        observed: Option<(Call, Attempt)>,
        classify: fn(&dyn Any) -> TransportError,
    }
}

impl<F, R, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
    E: 'static,
{
    type Output = Result<Response<TapBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut polled = Poll::Pending;
        match this.observed {
            Some((call, _)) => call.attach(&mut || polled = this.inner.as_mut().poll(cx)),
            None => polled = this.inner.poll(cx),
        }
        let result = std::task::ready!(polled);
        Poll::Ready(match (result, this.observed.take()) {
            (Ok(response), Some((call, attempt))) => {
                let tap = tap_headers(attempt, response.status(), response.headers());
                let response =
                    response.map(|body| TapBody::new(body, tap, |_| TransportError::Broken));
                call.returned();
                Ok(response)
            }
            (Err(err), Some((call, _))) => {
                call.failed((this.classify)(&err));
                Err(err)
            }
            (result, None) => result.map(|response| response.map(TapBody::plain)),
        })
    }
}

impl<F> fmt::Debug for ObserveFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserveFuture").field("observed", &self.observed).finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}
