//! One line to start.

mod settings;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use llmobs_core::{
    JsonLines, JsonLinesError, Llmobs, PriceError, PriceTable, Rotation, StartError,
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
/// | `LLMOBS_ON_PANIC` | `nothing`, `flush` or `shutdown`: what is done when a thread panics; see [`OnPanic`](crate::OnPanic) | `nothing` |
///
/// Without an OTLP endpoint the file is written also where a global OpenTelemetry provider takes the
/// spans, since that one is only looked for at the first call; `LLMOBS_FILE=none` leaves it out.
///
/// Keep what it returns for as long as the service runs; dropping it delivers what is waiting. Call it
/// after the process has forked, if it does: see [starting and stopping](crate#starting-and-stopping).
///
/// # Errors
///
/// When a variable cannot be understood, or names prices or a spool's directory that cannot be used, or
/// the system gives no thread. A file that cannot be opened is no error: one line on standard error says
/// so, and no lines are written.
pub fn init() -> Result<Llmobs, InitError> {
    builder().start()
}

/// Begins with what the environment says; what is said in code goes before it.
pub fn builder() -> Builder {
    Builder::read(&|name| std::env::var_os(name))
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
    /// The system gave no thread, a provider cannot be named as it was, or the spool's directory cannot
    /// be used.
    #[error("the recorder cannot be started")]
    Start(#[source] StartError),
}

impl Builder {
    /// Begins with what `lookup` says of each environment variable: [`builder`] without the process
    /// environment.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self::read(&|name| lookup(name).map(OsString::from))
    }

    fn read(lookup: &dyn Fn(&str) -> Option<OsString>) -> Self {
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

    /// Starts the recorder.
    ///
    /// Its threads are this process's: in one that is forked off later there are none of them. See
    /// [starting and stopping](crate#starting-and-stopping).
    ///
    /// # Errors
    ///
    /// When the environment, the prices or the settings cannot be understood, the spool's directory
    /// cannot be used, or the system gives no thread.
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

/// Whoever set nothing up should know where records go.
fn announce(path: &Path) {
    tell(format_args!(
        "writing records to {} (set LLMOBS_FILE or OTEL_EXPORTER_OTLP_ENDPOINT to change)",
        path.display()
    ));
}

/// An unwritable file must be no error to the application.
fn warn(err: &JsonLinesError) {
    let cause = std::error::Error::source(err).map(|cause| format!(": {cause}"));
    tell(format_args!("{err}{}; records are not written", cause.unwrap_or_default()));
}

/// Not `eprintln!`, which panics where nobody listens any more.
fn tell(what: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "llmobs: {what}");
}
