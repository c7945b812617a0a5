//! One line to start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use llmobs_core::{
    Backoff, Capture, Decoder, JsonLines, JsonLinesError, Limits, Llmobs, Losses, OnPanic,
    PriceError, PriceTable, Processor, Redact, Rotation, Sink, StartError, TailSampling,
    TraceBackend, UsagePolicy,
};

use crate::environment::{Environment, EnvironmentError, FileSetting};

/// File that records go to when nothing says otherwise.
const DEFAULT_FILE: &str = "llmobs.jsonl";

/// Starts a recorder as the environment says, and makes it the process-wide one.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `OTEL_EXPORTER_OTLP_ENDPOINT` and its kin | send spans, metrics and events there | |
/// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp` or `none`; for metrics also `prometheus`, with the feature of that name | `otlp` |
/// | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | where metrics are served then | `localhost`, 9464 |
/// | `LLMOBS_SEMCONV` | `latest`, `2026-08` or `both`: the state of the conventions that is followed | `latest` |
/// | `OTEL_SDK_DISABLED` | `true` turns everything off, unless `LLMOBS_FILE` or `LLMOBS_ENABLED` ask for it | `false` |
/// | `LLMOBS_ENABLED` | `false` observes nothing until told to, and makes no default file | `true` |
/// | `LLMOBS_FILE` | JSON lines go to this file; `none` for no file | `llmobs.jsonl` without an OTLP endpoint |
/// | `LLMOBS_FILE_MAX_BYTES`, `LLMOBS_FILE_KEEP` | put the file aside at this size; keep so many | 100 MiB, 10 |
/// | `LLMOBS_SERVICE`, else `OTEL_SERVICE_NAME` | name of the service | |
/// | `LLMOBS_ENVIRONMENT` | deployment environment | |
/// | `LLMOBS_CAPTURE` | `none`, `all`, or a list of `input`, `output`, `tools`, `errors` | `none` |
/// | | for one environment only, as in `none; staging: all; production: errors` | |
/// | `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` | `SPAN_ONLY`, `EVENT_ONLY`, `SPAN_AND_EVENT`: where in OpenTelemetry content goes; without `LLMOBS_CAPTURE` it is also what turns capture on, of all but error messages. `NO_CONTENT` for nowhere | wherever there is a place |
/// | `OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT` | `true`: every call that generates makes an event with its details | `false`, unless content is to go to events |
/// | `LLMOBS_REDACT` | `none`, `all`, or a list of detectors: what is redacted in content | `all` |
/// | `LLMOBS_USAGE` | `auto`, `always` or `never`: when streamed chats ask for usage in your place | `auto` |
/// | `LLMOBS_PROPAGATE_TO` | hosts that calls carry `traceparent` to, with commas between | none |
/// | `LLMOBS_PROPAGATE_BAGGAGE` | `true`: they carry session, user and tags as well | `false` |
/// | `LLMOBS_USER_ID_KEY` | user ids are hashed with this key before they leave | |
/// | `LLMOBS_ESTIMATE` | `true` counts tokens where the host sends none; needs the feature `estimate` | `false` |
/// | `LLMOBS_PROVIDERS` | a list of `host=name`: who answers at hosts of your own; a leading dot means all below, a port may follow | |
/// | `LLMOBS_PRICES` | a table of prices that goes before the built-in one, entry by entry | |
/// | `LLMOBS_TAIL_SAMPLE` | a share from 0 to 1 of the traces that did not fail and are not among the slowest: those are all kept | everything is kept |
/// | `LLMOBS_TAIL_SAMPLE_SLOW_MS` | keeps all that take longer than this besides | |
/// | `LLMOBS_MAX_OPERATIONS`, `LLMOBS_MAX_PAYLOAD_BYTES` | bounds of the queue | 65,536, 128 MiB |
/// | `LLMOBS_MAX_SINK_BYTES` | memory that records waiting for one sink may take | 64 MiB |
/// | `LLMOBS_SPOOL_DIR` | records wait here for sinks that are down, also over restarts | in memory alone |
/// | `LLMOBS_SPOOL_MAX_BYTES` | what the spool may take on disk, for each sink | 256 MiB |
/// | `LLMOBS_SHUTDOWN_TIMEOUT_MS` | how long the drop may wait | 5,000 |
/// | `LLMOBS_ON_PANIC` | `nothing`, `flush` or `shutdown`: what is done when a thread panics; see [`OnPanic`] | `nothing` |
///
/// Without an OTLP endpoint the file is written also where a global OpenTelemetry provider takes the
/// spans, since that one is only looked for at the first call; `LLMOBS_FILE=none` leaves it out.
///
/// Keep what it returns for as long as the service runs; dropping it delivers what is waiting. Call it
/// after the process has forked, if it does: see [starting and stopping](crate#starting-and-stopping).
///
/// # Errors
///
/// When a variable cannot be understood, the prices it names cannot be used, or the system gives no
/// thread. A file that cannot be
/// opened is no error: a warning goes to standard error, and records go nowhere else.
pub fn init() -> Result<Llmobs, InitError> {
    builder().start()
}

/// Begins with what the environment says; what is said in code goes before it.
pub fn builder() -> Builder {
    Builder::from_lookup(&|name| std::env::var(name).ok())
}

/// Configures a recorder.
///
/// ```
/// use llmobs::{Capture, Console};
///
/// let llmobs = llmobs::builder()
///     .service("support-bot")
///     .capture(Capture::NONE.output(true))
///     .sink(Console::default())
///     .process_wide(false)
///     .start()?;
/// assert!(llmobs.capture().has_output());
/// # Ok::<(), llmobs::InitError>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until started"]
pub struct Builder {
    core: llmobs_core::Builder,
    environment: Result<Environment, EnvironmentError>,
    file: Option<FileSetting>,
    rotation: Option<Rotation>,
    own_decoders: bool,
    #[cfg(feature = "openai")]
    estimate: bool,
    own_prices: bool,
    #[cfg(feature = "otlp")]
    otlp: Result<llmobs_otlp::Otlp, llmobs_otlp::OtlpError>,
    attached: bool,
}

/// A recorder that cannot be started as it was configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// An environment variable cannot be understood.
    #[error("the environment is not understood")]
    Environment(#[source] EnvironmentError),
    /// The OTLP settings cannot be used.
    #[cfg(feature = "otlp")]
    #[error("the settings for OTLP cannot be used")]
    Otlp(#[source] llmobs_otlp::OtlpError),
    /// The table of prices cannot be used.
    #[error("the prices that LLMOBS_PRICES names cannot be used")]
    Prices(#[source] PriceError),
    /// The system gave no thread, or a provider cannot be named as it was.
    #[error("the recorder cannot be started")]
    Start(#[source] StartError),
}

impl Builder {
    /// Begins with what `lookup` says of each environment variable: [`builder`] without the process
    /// environment.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            core: llmobs_core::Builder::new(),
            environment: Environment::read(lookup),
            file: None,
            rotation: None,
            own_decoders: true,
            #[cfg(feature = "openai")]
            estimate: false,
            own_prices: false,
            #[cfg(feature = "otlp")]
            otlp: llmobs_otlp::Otlp::from_lookup(lookup),
            attached: false,
        }
        .with_environment()
    }

    fn with_environment(mut self) -> Self {
        let Ok(environment) = &self.environment else { return self };
        let mut core = self.core.limits(environment.limits);
        if let Some(service) = &environment.service {
            core = core.service(service);
        }
        if let Some(name) = &environment.environment {
            core = core.environment(name);
        }
        if let Some(enabled) = environment.enabled {
            core = core.enabled(enabled);
        }
        if let Some(capture) = environment.capture {
            core = core.capture(capture);
        }
        for (name, capture) in &environment.capture_in {
            core = core.capture_in(name, *capture);
        }
        if let Some(redact) = &environment.redact {
            core = core.redact(redact.clone());
        }
        if let Some(policy) = environment.usage {
            core = core.usage(policy);
        }
        for host in &environment.propagate_to {
            core = core.propagate_to(host);
        }
        if let Some(propagate) = environment.propagate_baggage {
            core = core.propagate_baggage(propagate);
        }
        if let Some(key) = &environment.user_id_key {
            core = core.hash_user_ids(key);
        }
        if let Some(names) = &environment.providers {
            core = core.providers(names.clone());
        }
        if let Some(sample) = environment.tail_sample {
            core = core.tail_sampling(sample.sampling());
        }
        if let Some(directory) = &environment.spool {
            core = core.spool(directory);
        }
        if let Some(bytes) = environment.spool_bytes {
            core = core.spool_bytes(bytes);
        }
        if let Some(timeout) = environment.shutdown_timeout {
            core = core.shutdown_timeout(timeout);
        }
        if let Some(on_panic) = environment.on_panic {
            core = core.on_panic(on_panic);
        }
        #[cfg(feature = "openai")]
        {
            self.estimate = environment.estimate.unwrap_or(false);
        }
        self.core = core;
        self.file.clone_from(&environment.file);
        self
    }

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
    /// [there](llmobs_core::Builder::spool). Defaults to none.
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

    /// Starts the recorder.
    ///
    /// Its threads are this process's: in one that is forked off later there are none of them. See
    /// [starting and stopping](crate#starting-and-stopping).
    ///
    /// # Errors
    ///
    /// When the environment, the prices or the settings cannot be understood, or the system gives no
    /// thread.
    pub fn start(self) -> Result<Llmobs, InitError> {
        let environment = self.environment.map_err(InitError::Environment)?;
        let mut core = self.core;
        #[cfg(feature = "openai")]
        if self.own_decoders {
            core = own_decoder(core, self.estimate);
        }
        #[cfg_attr(not(feature = "otlp"), expect(unused_mut, reason = "only OTLP changes it"))]
        let mut exports = core.has_sinks();
        #[cfg(feature = "otlp")]
        if !self.attached {
            let otlp = self.otlp.map_err(InitError::Otlp)?;
            exports |= otlp.exports();
            core = otlp.install(core);
        }
        if let Some(path) = environment.prices.as_ref().filter(|_| !self.own_prices) {
            core = core.prices(PriceTable::with_file(path).map_err(InitError::Prices)?);
        }
        let off = environment.enabled == Some(false);
        let file = match self.file {
            Some(FileSetting::Path(path)) => Some(path),
            Some(FileSetting::None) => None,
            None => (!exports && !off).then(|| PathBuf::from(DEFAULT_FILE)),
        };
        if let Some(path) = file {
            let rotation = self.rotation.unwrap_or_else(|| rotation(&environment));
            match JsonLines::open(&path).map(|lines| lines.rotation(rotation)) {
                Ok(lines) => {
                    if path.as_os_str() == DEFAULT_FILE {
                        announce(lines.path());
                    }
                    core = core.sink(lines);
                }
                Err(err) => warn(&err),
            }
        }
        core.start().map_err(InitError::Start)
    }

    fn core(mut self, change: impl FnOnce(llmobs_core::Builder) -> llmobs_core::Builder) -> Self {
        self.core = change(self.core);
        self
    }
}

#[cfg(feature = "estimate")]
fn own_decoder(core: llmobs_core::Builder, estimate: bool) -> llmobs_core::Builder {
    let decoder = llmobs_openai::OpenAi::new();
    if estimate { core.decoder(decoder.estimate()) } else { core.decoder(decoder) }
}

#[cfg(all(feature = "openai", not(feature = "estimate")))]
fn own_decoder(core: llmobs_core::Builder, _: bool) -> llmobs_core::Builder {
    core.decoder(llmobs_openai::OpenAi::new())
}

fn rotation(environment: &Environment) -> Rotation {
    Rotation::new()
        .bytes(environment.file_bytes.unwrap_or(100 << 20))
        .keep(environment.file_keep.unwrap_or(10))
}

#[expect(clippy::print_stderr, reason = "whoever set nothing up should know where records go")]
fn announce(path: &Path) {
    eprintln!(
        "llmobs: writing records to {} (set LLMOBS_FILE or OTEL_EXPORTER_OTLP_ENDPOINT to change)",
        path.display()
    );
}

#[expect(clippy::print_stderr, reason = "an unwritable file must be no error to the application")]
fn warn(err: &JsonLinesError) {
    let cause = std::error::Error::source(err).map(|cause| format!(": {cause}"));
    eprintln!("llmobs: {err}{}; records are not written", cause.unwrap_or_default());
}
