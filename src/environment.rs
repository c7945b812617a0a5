//! What the environment says about the recorder.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
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
#[error("the environment variable {name} is {}: expected {expected}", self.said())]
pub struct EnvironmentError {
    name: &'static str,
    /// `None` for one that is no text.
    value: Option<String>,
    expected: &'static str,
}

impl EnvironmentError {
    /// Name of the variable.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn said(&self) -> Cow<'static, str> {
        // What is no text may be a secret as well as anything else.
        self.value.as_ref().map_or("no UTF-8".into(), |value| format!("{value:?}").into())
    }
}

impl Environment {
    /// Reads every variable through `lookup`.
    pub(crate) fn read(
        lookup: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, EnvironmentError> {
        let from = Variables(lookup);
        let attributes = from.text("OTEL_RESOURCE_ATTRIBUTES")?.unwrap_or_default();
        let attribute = |name: &str| {
            let pairs = attributes.split(',').filter_map(|pair| pair.split_once('='));
            pairs
                .rev()
                .find(|(key, _)| decoded(key) == name)
                .map(|(_, value)| decoded(value).into_owned())
                .filter(|value| !value.is_empty())
        };
        let mut limits = Limits::default();
        if let Some(n) = from.above_zero("LLMOBS_MAX_OPERATIONS")? {
            limits.operations = n;
        }
        if let Some(n) = from.number("LLMOBS_MAX_PAYLOAD_BYTES")? {
            limits.payload_bytes = n;
        }
        if let Some(n) = from.number("LLMOBS_MAX_SINK_BYTES")? {
            limits.sink_bytes = n;
        }
        let disabled = from.text("OTEL_SDK_DISABLED")?;
        let disabled = disabled.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let file = from.text("LLMOBS_FILE")?.map(|path| match path.as_str() {
            "none" => FileSetting::None,
            _ => FileSetting::Path(path.into()),
        });
        // Whoever names a file wants it, even without OpenTelemetry.
        let off = disabled && !matches!(file, Some(FileSetting::Path(_)));
        let (capture, capture_in) = capture(&from)?;
        Ok(Self {
            enabled: from.flag("LLMOBS_ENABLED")?.or(off.then_some(false)),
            service: from
                .text("LLMOBS_SERVICE")?
                .or(from.text("OTEL_SERVICE_NAME")?)
                .or_else(|| attribute("service.name")),
            environment: from
                .text("LLMOBS_ENVIRONMENT")?
                .or_else(|| attribute("deployment.environment.name"))
                .or_else(|| attribute("deployment.environment")),
            file,
            file_bytes: from.above_zero("LLMOBS_FILE_MAX_BYTES")?,
            file_keep: from.number("LLMOBS_FILE_KEEP")?,
            capture,
            capture_in,
            redact: from.parsed(
                "LLMOBS_REDACT",
                "none, all, or a list of email, phone, card, iban, ssn, ip, key, token, private_key",
                |value| value.parse().ok(),
            )?,
            usage: from.one_of(
                "LLMOBS_USAGE",
                "auto, always or never",
                &[
                    ("auto", UsagePolicy::Auto),
                    ("always", UsagePolicy::Always),
                    ("never", UsagePolicy::Never),
                ],
            )?,
            propagate_to: from.list("LLMOBS_PROPAGATE_TO")?,
            propagate_baggage: from.flag("LLMOBS_PROPAGATE_BAGGAGE")?,
            user_id_key: from.text("LLMOBS_USER_ID_KEY")?,
            estimate: estimate(&from)?,
            providers: from.parsed(
                "LLMOBS_PROVIDERS",
                "a list of host=name, such as llm.internal=vllm,.corp.example=gateway",
                |value| value.parse().ok(),
            )?,
            prices: from.text("LLMOBS_PRICES")?.map(PathBuf::from),
            tail_sample: tail_sample(&from)?,
            limits,
            spool: from.text("LLMOBS_SPOOL_DIR")?.map(PathBuf::from),
            spool_bytes: from.number("LLMOBS_SPOOL_MAX_BYTES")?,
            shutdown_timeout: from
                .number("LLMOBS_SHUTDOWN_TIMEOUT_MS")?
                .map(Duration::from_millis),
            on_panic: from.one_of(
                "LLMOBS_ON_PANIC",
                "nothing, flush or shutdown",
                &[
                    ("nothing", OnPanic::Nothing),
                    ("flush", OnPanic::Flush),
                    ("shutdown", OnPanic::ShutDown),
                ],
            )?,
        })
    }
}

/// Names and values of resource attributes are percent-encoded.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text.trim()).decode_utf8_lossy()
}

/// The environment, however it is looked up.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    /// An empty variable is an unset one, as OpenTelemetry has it.
    fn text(&self, name: &'static str) -> Result<Option<String>, EnvironmentError> {
        let text = (self.0)(name).map(OsString::into_string).transpose();
        let text = text.map_err(|_| EnvironmentError { name, value: None, expected: "text" })?;
        Ok(text.filter(|value| !value.trim().is_empty()))
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, EnvironmentError> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        match parse(value.trim()) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(EnvironmentError { name, value: Some(value), expected }),
        }
    }

    fn one_of<T: Copy>(
        &self,
        name: &'static str,
        expected: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, EnvironmentError> {
        let is = |value: &str, word: &str| value.eq_ignore_ascii_case(word);
        self.parsed(name, expected, |value| {
            words.iter().find(|(word, _)| is(value, word)).map(|(_, of)| *of)
        })
    }

    fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, EnvironmentError> {
        self.parsed(name, "a whole number", |value| value.parse().ok())
    }

    fn above_zero<T: FromStr + Default + PartialOrd>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, EnvironmentError> {
        self.parsed(name, "a whole number above 0", |value| {
            value.parse().ok().filter(|n| *n > T::default())
        })
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, EnvironmentError> {
        let words = [
            ("true", true),
            ("1", true),
            ("on", true),
            ("false", false),
            ("0", false),
            ("off", false),
        ];
        self.one_of(name, "true or false", &words)
    }

    fn list(&self, name: &'static str) -> Result<Vec<String>, EnvironmentError> {
        let list = self.text(name)?.unwrap_or_default();
        let parts = list.split(',').map(str::trim);
        Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }
}

fn estimate(from: &Variables<'_>) -> Result<Option<bool>, EnvironmentError> {
    const NAME: &str = "LLMOBS_ESTIMATE";
    let estimate = from.flag(NAME)?;
    // Whoever asks for counts should not learn from their absence that there are none.
    if estimate == Some(true) && cfg!(not(feature = "estimate")) {
        let expected = "false, without the feature `estimate`";
        return from.parsed(NAME, expected, |_| None);
    }
    Ok(estimate)
}

fn tail_sample(from: &Variables<'_>) -> Result<Option<TailSample>, EnvironmentError> {
    const SLOW: &str = "LLMOBS_TAIL_SAMPLE_SLOW_MS";
    let slow = from.number(SLOW)?.map(Duration::from_millis);
    let share = |value: &str| value.parse().ok().filter(|rest| (0.0..=1.0).contains(rest));
    let rest = from.parsed("LLMOBS_TAIL_SAMPLE", "a share from 0 to 1", share)?;
    if rest.is_none() {
        // Whoever says what is slow wants something left out.
        return from.parsed(SLOW, "LLMOBS_TAIL_SAMPLE beside it", |_| None);
    }
    Ok(rest.map(|rest| TailSample { rest, slow }))
}

/// The policy, and what differs from it by deployment environment.
type CaptureSetting = (Option<Capture>, Vec<(String, Capture)>);

fn capture(from: &Variables<'_>) -> Result<CaptureSetting, EnvironmentError> {
    const OURS: &str = "LLMOBS_CAPTURE";
    const OTEL: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    if let Some(value) = from.text(OURS)? {
        let (mut everywhere, mut by_environment) = (Capture::NONE, Vec::new());
        for group in value.split(';').filter(|group| !group.trim().is_empty()) {
            let (environment, words) = match group.split_once(':') {
                Some((environment, words)) => (Some(environment.trim()), words),
                None => (None, group),
            };
            let Some(capture) = captured(words) else {
                let expected = "none, all, or a list of input, output, tools, errors";
                return Err(EnvironmentError { name: OURS, value: Some(value), expected });
            };
            match environment {
                Some(environment) => by_environment.push((environment.to_owned(), capture)),
                None => everywhere = capture,
            }
        }
        return Ok((Some(everywhere), by_environment));
    }
    // Where it goes is for the exporter. Error messages are no message content by OpenTelemetry's book.
    let somewhere = Capture::ALL.errors(false);
    let words = [
        ("NO_CONTENT", Capture::NONE),
        ("FALSE", Capture::NONE),
        ("SPAN_ONLY", somewhere),
        ("EVENT_ONLY", somewhere),
        ("SPAN_AND_EVENT", somewhere),
        ("TRUE", somewhere),
    ];
    let expected = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT";
    let otel = from.one_of(OTEL, expected, &words)?;
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
