//! The services below async-openai, and a reader of raw bytes.
//!
//! async-openai takes some twenty times longer over an event than we do, and not always equally
//! long; what is ours is seen better without it.

use async_openai::middleware::HttpRequestFactory;
use llmobs::Llmobs;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::load::{Setup, Stack, provider, recorder, stack};
use crate::transport::Canned;

/// Calls a stack of services, one time after another.
pub(crate) struct Reader {
    runtime: Runtime,
    stack: Stack,
    request: HttpRequestFactory,
    pub(crate) llmobs: Option<Llmobs>,
    // Dropped last: the recorder's spans go to it.
    _provider: Option<SdkTracerProvider>,
}

impl Reader {
    /// A reader on this transport.
    pub(crate) fn new(setup: Setup, transport: Canned) -> Self {
        let provider = setup.spans.then(provider);
        let llmobs = (setup.layers > 0).then(|| recorder(setup, provider.as_ref()));
        let stack = stack(setup, llmobs.as_ref(), transport);
        let url = reqwest::Url::parse("http://127.0.0.1:1/v1/chat/completions");
        let url = url.expect("it is a URL");
        let request = HttpRequestFactory::new(move || {
            let mut request = reqwest::Request::new(reqwest::Method::POST, url.clone());
            *request.body_mut() = Some(r#"{"model":"gpt-4o-mini","stream":true}"#.into());
            async { Ok(request) }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        Self { runtime, stack, request, llmobs, _provider: provider }
    }

    /// One call, read to its end; gives the number of reads.
    pub(crate) fn call(&self) -> usize {
        self.runtime.block_on(async {
            let response = self.stack.clone().oneshot(self.request.clone()).await;
            let mut response = response.expect("the transport answers");
            let mut reads = 0;
            while response.chunk().await.expect("the transport does not fail").is_some() {
                reads += 1;
            }
            reads
        })
    }
}
