//! One line at construction.

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::middleware::{HttpRequestFactory, ReqwestService};
use reqwest::Response;
use tower::{Layer, Service};

use crate::service::{AttemptLayer, CallLayer};

/// An `async_openai::Client` under observation, with async-openai's own defaults.
///
/// It sends to the recorder that is current when a call is made; without one it observes nothing.
/// Use it in place of `Client::with_config`. To keep a `reqwest::Client` of your own, give it to
/// [`service`]. `Client::with_http_client` called afterwards would remove the observation:
/// [`assert_instrumented`](crate::assert_instrumented) tells, in a test.
///
/// ```
/// use async_openai::config::OpenAIConfig;
///
/// let config = OpenAIConfig::new().with_api_base("http://localhost:8000/v1");
/// let client = llmobs_openai::client(config);
/// llmobs_openai::assert_instrumented(&client);
/// ```
pub fn client<C: Config>(config: C) -> Client<C> {
    Client::with_config(config).with_http_service(service(reqwest::Client::new()))
}

/// The service for `Client::with_http_service`, around a `reqwest::Client` of yours.
///
/// It retries as async-openai does by default. For other retries, limits and time limits, stack
/// [`CallLayer`] and [`AttemptLayer`] yourself: the first outermost, the second right around the
/// transport.
///
/// ```
/// use async_openai::{Client, config::OpenAIConfig};
///
/// let http = reqwest::Client::builder().user_agent("shop/1.0").build()?;
/// let client = Client::with_config(OpenAIConfig::new())
///     .with_http_service(llmobs_openai::service(http));
/// llmobs_openai::assert_instrumented(&client);
/// # Ok::<(), reqwest::Error>(())
/// ```
pub fn service(
    http: reqwest::Client,
) -> impl Service<HttpRequestFactory, Response = Response, Error = OpenAIError, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    let transport = AttemptLayer::new().layer(ReqwestService::new(http));
    CallLayer::new().layer(OpenAIRetryLayer::default().layer(transport))
}
