//! What the environment says about the recorder.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use llmobs_core::{
    Capture, Limits, OnPanic, ProviderNames, Redact, Rule, TailSampling, UsagePolicy,
};
use percent_encoding::percent_decode_str;

/// Settings read from `LLMOBS_*`, and from the `OTEL_*` variables that stand in for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) enabled: Option<bool>,
    pub(crate) service: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) file: Option<FileSetting>,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) file_keep: Option<usize>,
    pub(crate) capture: Option<Capture>,
    pub(crate) capture_in: Vec<(String, Capture)>,
    pub(crate) redact: Option<Redact>,
    pub(crate) usage: Option<UsagePolicy>,
    pub(crate) propagate_to: Vec<String>,
    pub(crate) propagate_baggage: Option<bool>,
    pub(crate) user_id_key: Option<String>,
    #[cfg_attr(
        not(feature = "openai"),
        expect(
            dead_code,
            reason = "a flag that cannot be understood is an error, even where nothing estimates"
        )
    )]
    pub(crate) estimate: Option<bool>,
    pub(crate) providers: Option<ProviderNames>,
    pub(crate) prices: Option<PathBuf>,
    pub(crate) tail_sample: Option<TailSample>,
    pub(crate) limits: Limits,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) spool_bytes: Option<u64>,
    pub(crate) shutdown_timeout: Option<Duration>,
    pub(crate) on_panic: Option<OnPanic>,
}

/// Where JSON lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileSetting {
    None,
    Path(PathBuf),
}

/// Which traces are kept: those that failed or were slow, and a share of the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TailSample {
    rest: f64,
    slow: Option<Duration>,
}

impl TailSample {
    pub(crate) fn sampling(self) -> TailSampling {
        let usual = TailSampling::usual(self.rest);
        self.slow.into_iter().fold(usual, |usual, slow| usual.keep(Rule::slower_than(slow)))
    }
}

/// A variable with a value that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is {value:?}: expected {expected}")]
pub struct EnvironmentError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl EnvironmentError {
    /// Name of the variable.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl Environment {
    /// Reads every variable through `lookup`.
    pub(crate) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        // An empty variable is an unset one, as OpenTelemetry has it.
        let text = |name: &'static str| lookup(name).filter(|value| !value.trim().is_empty());
        let attributes = text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let attribute = |name: &str| {
            let pairs = attributes.split(',').filter_map(|pair| pair.split_once('='));
            pairs
                .rev()
                .find(|(key, _)| decoded(key) == name)
                .map(|(_, value)| decoded(value).into_owned())
                .filter(|value| !value.is_empty())
        };
        let mut limits = Limits::default();
        if let Some(n) = number(&text, "LLMOBS_MAX_OPERATIONS")? {
            limits.operations = n;
        }
        if let Some(n) = number(&text, "LLMOBS_MAX_PAYLOAD_BYTES")? {
            limits.payload_bytes = n;
        }
        if let Some(n) = number(&text, "LLMOBS_MAX_SINK_BYTES")? {
            limits.sink_bytes = n;
        }
        let disabled = text("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let file = text("LLMOBS_FILE").map(|path| match path.as_str() {
            "none" => FileSetting::None,
            _ => FileSetting::Path(path.into()),
        });
        // Whoever names a file wants it, even without OpenTelemetry.
        let off = disabled && !matches!(file, Some(FileSetting::Path(_)));
        let (capture, capture_in) = capture(&text)?;
        Ok(Self {
            enabled: flag(&text, "LLMOBS_ENABLED")?.or(off.then_some(false)),
            service: text("LLMOBS_SERVICE")
                .or_else(|| text("OTEL_SERVICE_NAME"))
                .or_else(|| attribute("service.name")),
            environment: text("LLMOBS_ENVIRONMENT")
                .or_else(|| attribute("deployment.environment.name"))
                .or_else(|| attribute("deployment.environment")),
            file,
            file_bytes: number(&text, "LLMOBS_FILE_MAX_BYTES")?,
            file_keep: number(&text, "LLMOBS_FILE_KEEP")?,
            capture,
            capture_in,
            redact: redact(&text)?,
            usage: usage(&text)?,
            propagate_to: list(&text, "LLMOBS_PROPAGATE_TO"),
            propagate_baggage: flag(&text, "LLMOBS_PROPAGATE_BAGGAGE")?,
            user_id_key: text("LLMOBS_USER_ID_KEY"),
            estimate: estimate(&text)?,
            providers: providers(&text)?,
            prices: text("LLMOBS_PRICES").map(PathBuf::from),
            tail_sample: tail_sample(&text)?,
            limits,
            spool: text("LLMOBS_SPOOL_DIR").map(PathBuf::from),
            spool_bytes: number(&text, "LLMOBS_SPOOL_MAX_BYTES")?,
            shutdown_timeout: number(&text, "LLMOBS_SHUTDOWN_TIMEOUT_MS")?
                .map(Duration::from_millis),
            on_panic: on_panic(&text)?,
        })
    }
}

/// Names and values of resource attributes are percent-encoded.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text.trim()).decode_utf8_lossy()
}

fn number<T: std::str::FromStr>(
    text: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<Option<T>, EnvironmentError> {
    let expected = "a whole number";
    text(name)
        .map(|value| value.trim().parse().map_err(|_| EnvironmentError { name, value, expected }))
        .transpose()
}

fn flag(
    text: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<Option<bool>, EnvironmentError> {
    text(name)
        .map(|value| match value.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "on" => Ok(true),
            "false" | "0" | "off" => Ok(false),
            _ => Err(EnvironmentError { name, value, expected: "true or false" }),
        })
        .transpose()
}

fn list(text: &dyn Fn(&'static str) -> Option<String>, name: &'static str) -> Vec<String> {
    let list = text(name).unwrap_or_default();
    list.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn estimate(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<bool>, EnvironmentError> {
    let name = "LLMOBS_ESTIMATE";
    let estimate = flag(text, name)?;
    match (estimate, text(name)) {
        // Whoever asks for counts should not learn from their absence that there are none.
        (Some(true), Some(value)) if cfg!(not(feature = "estimate")) => {
            Err(EnvironmentError { name, value, expected: "false, without the feature `estimate`" })
        }
        _ => Ok(estimate),
    }
}

fn tail_sample(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<TailSample>, EnvironmentError> {
    const SHARE: &str = "LLMOBS_TAIL_SAMPLE";
    const SLOW: &str = "LLMOBS_TAIL_SAMPLE_SLOW_MS";
    let slow = number(text, SLOW)?.map(Duration::from_millis);
    let Some(value) = text(SHARE) else {
        // Whoever says what is slow wants something left out.
        return match text(SLOW) {
            Some(value) => {
                let expected = "LLMOBS_TAIL_SAMPLE beside it";
                Err(EnvironmentError { name: SLOW, value, expected })
            }
            None => Ok(None),
        };
    };
    match value.trim().parse() {
        Ok(rest) if (0.0..=1.0).contains(&rest) => Ok(Some(TailSample { rest, slow })),
        _ => Err(EnvironmentError { name: SHARE, value, expected: "a share from 0 to 1" }),
    }
}

fn providers(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<ProviderNames>, EnvironmentError> {
    let name = "LLMOBS_PROVIDERS";
    let expected = "a list of host=name, such as llm.internal=vllm,.corp.example=gateway";
    text(name)
        .map(|value| value.parse().map_err(|_| EnvironmentError { name, value, expected }))
        .transpose()
}

fn usage(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<UsagePolicy>, EnvironmentError> {
    let name = "LLMOBS_USAGE";
    text(name)
        .map(|value| match value.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(UsagePolicy::Auto),
            "always" => Ok(UsagePolicy::Always),
            "never" => Ok(UsagePolicy::Never),
            _ => Err(EnvironmentError { name, value, expected: "auto, always or never" }),
        })
        .transpose()
}

fn on_panic(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<OnPanic>, EnvironmentError> {
    let name = "LLMOBS_ON_PANIC";
    text(name)
        .map(|value| match value.trim().to_ascii_lowercase().as_str() {
            "nothing" => Ok(OnPanic::Nothing),
            "flush" => Ok(OnPanic::Flush),
            "shutdown" => Ok(OnPanic::ShutDown),
            _ => Err(EnvironmentError { name, value, expected: "nothing, flush or shutdown" }),
        })
        .transpose()
}

fn redact(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<Option<Redact>, EnvironmentError> {
    let name = "LLMOBS_REDACT";
    let expected =
        "none, all, or a list of email, phone, card, iban, ssn, ip, key, token, private_key";
    text(name)
        .map(|value| value.parse().map_err(|_| EnvironmentError { name, value, expected }))
        .transpose()
}

/// The policy, and what differs from it by deployment environment.
type CaptureSetting = (Option<Capture>, Vec<(String, Capture)>);

fn capture(
    text: &dyn Fn(&'static str) -> Option<String>,
) -> Result<CaptureSetting, EnvironmentError> {
    const OURS: &str = "LLMOBS_CAPTURE";
    const OTEL: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    if let Some(value) = text(OURS) {
        let (mut everywhere, mut by_environment) = (Capture::NONE, Vec::new());
        for group in value.split(';').filter(|group| !group.trim().is_empty()) {
            let (environment, words) = match group.split_once(':') {
                Some((environment, words)) => (Some(environment.trim()), words),
                None => (None, group),
            };
            let Some(capture) = captured(words) else {
                let expected = "none, all, or a list of input, output, tools, errors";
                return Err(EnvironmentError { name: OURS, value, expected });
            };
            match environment {
                Some(environment) => by_environment.push((environment.to_owned(), capture)),
                None => everywhere = capture,
            }
        }
        return Ok((Some(everywhere), by_environment));
    }
    let otel = text(OTEL)
        .map(|value| match value.trim().to_ascii_uppercase().as_str() {
            "NO_CONTENT" | "FALSE" => Ok(Capture::NONE),
            // Where it goes is for the exporter. Error messages are no message content by
            // OpenTelemetry's book.
            "SPAN_ONLY" | "EVENT_ONLY" | "SPAN_AND_EVENT" | "TRUE" => {
                Ok(Capture::ALL.errors(false))
            }
            _ => {
                let expected = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT";
                Err(EnvironmentError { name: OTEL, value, expected })
            }
        })
        .transpose()?;
    Ok((otel, Vec::new()))
}

fn captured(words: &str) -> Option<Capture> {
    words.split(',').try_fold(Capture::NONE, |capture, word| match word.trim() {
        "none" => Some(Capture::NONE),
        "all" => Some(Capture::ALL),
        "input" => Some(capture.input(true)),
        "output" => Some(capture.output(true)),
        "tools" => Some(capture.tools(true)),
        "errors" => Some(capture.errors(true)),
        _ => None,
    })
}
