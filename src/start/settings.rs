//! What is said in code, which goes before what the environment says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use llmobs_core::{
    Backoff, Capture, Decoder, Limits, Losses, OnPanic, PriceTable, Processor, Redact, Rotation,
    Sink, TailSampling, TraceBackend, UsagePolicy,
};

use super::Builder;
use crate::environment::FileSetting;

impl Builder {
    /// Names the observed service.
    pub fn service(self, name: impl Into<String>) -> Self {
        self.core(|core| core.service(name))
    }

    /// Names the deployment environment.
    pub fn environment(self, name: impl Into<String>) -> Self {
        self.core(|core| core.environment(name))
    }

    /// Writes JSON lines to this file, in place of the default one.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(FileSetting::Path(path.as_ref().to_owned()));
        self
    }

    /// Writes no file, whatever the environment says.
    pub fn no_file(mut self) -> Self {
        self.file = Some(FileSetting::None);
        self
    }

    /// When the file is put aside for a new one. Defaults to 100 MiB, keeping ten.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Adds a destination. With one, no file is written unless one was named.
    pub fn sink(self, sink: impl Sink) -> Self {
        self.core(|core| core.sink(sink))
    }

    /// Adds a rule on records; rules run in the order they were added.
    pub fn processor(self, processor: impl Processor) -> Self {
        self.core(|core| core.processor(processor))
    }

    /// Adds a wire format of your own; it goes before ours.
    pub fn decoder(self, decoder: impl Decoder) -> Self {
        self.core(|core| core.decoder(decoder))
    }

    /// Leaves out our own wire formats: only what [`decoder`](Self::decoder) added is observed.
    pub fn only_own_decoders(mut self) -> Self {
        self.own_decoders = false;
        self
    }

    /// Sets where spans live, in place of the OpenTelemetry backend.
    pub fn backend(mut self, backend: impl TraceBackend) -> Self {
        self.attached = true;
        self.core(|core| core.backend(backend))
    }

    /// Changes the OpenTelemetry settings, such as the provider spans go to.
    #[cfg(feature = "otlp")]
    pub fn otlp(
        mut self,
        change: impl FnOnce(llmobs_otlp::Otlp) -> Result<llmobs_otlp::Otlp, llmobs_otlp::OtlpError>,
    ) -> Self {
        self.otlp = self.otlp.and_then(change);
        self
    }

    /// Sets which content is kept. Defaults to none.
    pub fn capture(mut self, capture: Capture) -> Self {
        // What is said in code goes before all that the environment says.
        let before = self.environment.as_mut().map(|env| std::mem::take(&mut env.capture_in));
        for (name, _) in before.unwrap_or_default() {
            self = self.core(|core| core.capture_in(name, capture));
        }
        self.core(|core| core.capture(capture))
    }

    /// Sets which content is kept in one deployment environment, whatever [`capture`](Self::capture)
    /// says; the recorder's environment when it starts. Defaults to no difference.
    pub fn capture_in(mut self, environment: impl Into<String>, capture: Capture) -> Self {
        let environment = environment.into();
        if let Ok(said) = &mut self.environment {
            said.capture_in.retain(|(name, _)| *name != environment);
        }
        self.core(|core| core.capture_in(environment, capture))
    }

    /// Sets what is redacted in content that is kept. Defaults to everything the built-in detectors
    /// find.
    pub fn redact(self, redact: Redact) -> Self {
        self.core(|core| core.redact(redact))
    }

    /// Sets when streamed chats ask for usage that the application did not ask for. Defaults to
    /// [`UsagePolicy::Auto`]: where the host is known to take it. `CallLayer::usage` goes before it.
    pub fn usage(self, policy: UsagePolicy) -> Self {
        self.core(|core| core.usage(policy))
    }

    /// Adds a host that calls carry their trace to, as a `traceparent` header: a model server or a
    /// gateway of yours, whose own spans then join the trace. `.example.com` means every host below
    /// that one, `host:port` that port alone. Defaults to no host; one that is none fails the start.
    pub fn propagate_to(self, host: &str) -> Self {
        self.core(|core| core.propagate_to(host))
    }

    /// Whether calls to those hosts also carry session, user and tags, as a `baggage` header.
    /// Defaults to no.
    pub fn propagate_baggage(self, propagate: bool) -> Self {
        self.core(|core| core.propagate_baggage(propagate))
    }

    /// Hashes user ids with this key before they leave, by HMAC-SHA256. Defaults to ids as they are.
    pub fn hash_user_ids(self, key: impl AsRef<[u8]>) -> Self {
        self.core(|core| core.hash_user_ids(key))
    }

    /// Whether tokens are counted where the host sends no counts, such as of streams that nobody reads
    /// to their end. Defaults to no. What is counted, and how near it comes, is told at
    /// [`Estimate`](llmobs_openai::Estimate).
    #[cfg(feature = "estimate")]
    pub fn estimate(mut self, estimate: bool) -> Self {
        self.estimate = estimate;
        self
    }

    /// Names who answers at a host, where the registry of providers has no name for it or another
    /// one: `.provider("llm.internal", "vllm")`. A leading dot stands for every host below, and
    /// `host:port` for that port alone. It goes before what llmobs knows itself, and before what
    /// `LLMOBS_PROVIDERS` says of the same host. A host or name that is none fails the start.
    pub fn provider(self, host: &str, name: &str) -> Self {
        self.core(|core| core.provider(host, name))
    }

    /// Sets what calls cost where the provider does not say, in place of the built-in table and of
    /// `LLMOBS_PRICES`. [`PriceTable::with_file`] puts a file over the built-in table.
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.own_prices = true;
        self.core(|core| core.prices(prices))
    }

    /// Keeps only the traces that tell something, and a share of the rest, in place of what
    /// `LLMOBS_TAIL_SAMPLE` says. Metrics are taken of all. Defaults to keeping everything.
    pub fn tail_sampling(self, sampling: TailSampling) -> Self {
        self.core(|core| core.tail_sampling(sampling))
    }

    /// Sets the bounds of what is held in memory, in place of the environment's. Defaults to
    /// [`Limits::default`].
    pub fn limits(self, limits: Limits) -> Self {
        self.core(|core| core.limits(limits))
    }

    /// Sets a directory where records wait for sinks that are down, over restarts of the process, and
    /// where those wait that find no room in memory; see
    /// [there](llmobs_core::Builder::spool). One that cannot be used fails the start. Defaults to none.
    pub fn spool(self, directory: impl Into<PathBuf>) -> Self {
        self.core(|core| core.spool(directory))
    }

    /// Sets how many bytes the spool may take on disk for each sink. Defaults to 256 MiB.
    pub fn spool_bytes(self, bytes: u64) -> Self {
        self.core(|core| core.spool_bytes(bytes))
    }

    /// Sets how often a sink that fails is tried again. Defaults to [`Backoff::new`]: five offers within
    /// about three seconds, then one every 30 seconds at the least, and nothing is given up.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.core(|core| core.backoff(backoff))
    }

    /// Sets what is called when records are lost: at the first loss, then at most once a minute; see
    /// [there](llmobs_core::Builder::on_loss). Defaults to nothing.
    pub fn on_loss(self, on_loss: impl FnMut(&Losses) + Send + 'static) -> Self {
        self.core(|core| core.on_loss(on_loss))
    }

    /// Whether anything is observed at first. Defaults to yes.
    pub fn enabled(self, enabled: bool) -> Self {
        self.core(|core| core.enabled(enabled))
    }

    /// Whether code outside any scope that names a recorder uses this one. Defaults to yes.
    pub fn process_wide(self, process_wide: bool) -> Self {
        self.core(|core| core.process_wide(process_wide))
    }

    /// Longest time the drop may wait for the sinks. Defaults to 5 seconds.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        self.core(|core| core.shutdown_timeout(timeout))
    }

    /// Sets what is done when a thread of the application panics. Defaults to nothing.
    pub fn on_panic(self, on_panic: OnPanic) -> Self {
        self.core(|core| core.on_panic(on_panic))
    }
    fn core(mut self, change: impl FnOnce(llmobs_core::Builder) -> llmobs_core::Builder) -> Self {
        self.core = change(self.core);
        self
    }
}
