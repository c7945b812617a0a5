//! The `OTEL_*` environment.

use std::time::Duration;

use reqwest::Url;

use crate::backend::{Sampler, Share};
use crate::span::Limits;

use super::{Otlp, OtlpError, Signal, Temporality};

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

/// The environment; empty values are none.
pub(super) struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

/// Names of the variables of one signal: its own, then the one for all signals.
struct Names {
    exporter: &'static str,
    endpoint: &'static str,
    path: &'static str,
    headers: [&'static str; 2],
    timeout: [&'static str; 2],
    protocol: [&'static str; 2],
}

const TRACES: Names = Names {
    exporter: "OTEL_TRACES_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    path: "v1/traces",
    headers: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    timeout: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    protocol: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
};

const METRICS: Names = Names {
    exporter: "OTEL_METRICS_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    path: "v1/metrics",
    headers: ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    timeout: ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    protocol: ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
};

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(lookup)
    }

    fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn first(&self, names: [&'static str; 2]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| Some((name, self.get(name)?)))
    }

    fn millis(&self, names: [&'static str; 2]) -> Result<Option<Duration>, OtlpError> {
        let Some((variable, value)) = self.first(names) else { return Ok(None) };
        let millis = value.parse().ok().filter(|millis| *millis > 0);
        let expected = "a number of milliseconds above zero";
        millis
            .map(|n| Some(Duration::from_millis(n)))
            .ok_or(OtlpError::Value { variable, expected })
    }
}

pub(super) fn read(env: &Environment<'_>) -> Result<Otlp, OtlpError> {
    let mut otlp = Otlp::new();
    if env.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        otlp.disabled = true;
        return Ok(otlp);
    }
    otlp.traces = signal(env, &TRACES)?;
    if otlp.traces.url.is_some() {
        otlp.sampler = sampler(env)?;
    }
    otlp.limits = limits(env, otlp.traces.url.is_some())?;
    otlp.metrics = signal(env, &METRICS)?;
    otlp.resource.service = env.get("OTEL_SERVICE_NAME");
    let attributes = env.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    otlp.resource.attributes = pairs(&attributes).collect();
    const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    if let Some(interval) = env.millis([INTERVAL, INTERVAL])? {
        otlp.interval = interval;
    }
    otlp.temporality = temporality(env)?;
    Ok(otlp)
}

fn signal(env: &Environment<'_>, names: &Names) -> Result<Signal, OtlpError> {
    let mut signal = Signal::default();
    let named = exporter(env, names)?;
    if named == Some(false) {
        signal.off = true;
        return Ok(signal);
    }
    signal.url = match (env.get(names.endpoint), env.get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
        (Some(own), _) => Some(url(&own)?),
        (None, Some(general)) => Some(base(&general, names.path)?),
        (None, None) if named == Some(true) => Some(base(DEFAULT_ENDPOINT, names.path)?),
        // What follows is for another exporter.
        (None, None) => return Ok(signal),
    };
    if let Some((variable, value)) = env.first(names.protocol)
        && value != "http/protobuf"
    {
        return Err(OtlpError::Protocol { variable, value });
    }
    if let Some((_, headers)) = env.first(names.headers) {
        for (name, value) in pairs(&headers) {
            signal.header(&name, &value)?;
        }
    }
    if let Some(timeout) = env.millis(names.timeout)? {
        signal.timeout = timeout;
    }
    Ok(signal)
}

/// Whether the signal is to be exported; `None` when the environment does not say.
fn exporter(env: &Environment<'_>, names: &Names) -> Result<Option<bool>, OtlpError> {
    let variable = names.exporter;
    let Some(list) = env.get(variable) else { return Ok(None) };
    let mut export = false;
    for value in list.split(',').map(str::trim) {
        match value {
            "otlp" => export = true,
            "none" => {}
            _ => return Err(OtlpError::Exporter { variable, value: value.to_owned() }),
        }
    }
    Ok(Some(export))
}

fn sampler(env: &Environment<'_>) -> Result<Sampler, OtlpError> {
    let variable = "OTEL_TRACES_SAMPLER";
    let Some(name) = env.get(variable) else { return Ok(Sampler::default()) };
    let below = name.strip_prefix("parentbased_");
    let share = match below.unwrap_or(&name) {
        "always_on" => Share::All,
        "always_off" => Share::None,
        "traceidratio" => Share::Of(ratio(env)?),
        _ => {
            let expected = "always_on, always_off or traceidratio, or one with parentbased_ before";
            return Err(OtlpError::Value { variable, expected });
        }
    };
    Ok(Sampler { ignores_parent: below.is_none(), share })
}

fn ratio(env: &Environment<'_>) -> Result<f64, OtlpError> {
    let variable = "OTEL_TRACES_SAMPLER_ARG";
    // The specification's default.
    let Some(ratio) = env.get(variable) else { return Ok(1.0) };
    let ratio = ratio.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or(OtlpError::Value { variable, expected: "a share from 0 to 1" })
}

fn temporality(env: &Environment<'_>) -> Result<Temporality, OtlpError> {
    let variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let Some(value) = env.get(variable) else { return Ok(Temporality::default()) };
    match value.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err(OtlpError::Value { variable, expected: "cumulative, delta or lowmemory" }),
    }
}

/// How much of a span leaves. Where spans are another exporter's, a value that cannot be followed is
/// that one's to refuse.
fn limits(env: &Environment<'_>, needed: bool) -> Result<Limits, OtlpError> {
    let number = |names: [&'static str; 2]| {
        let Some((variable, value)) = env.first(names) else { return Ok(None) };
        match value.parse::<usize>() {
            Ok(number) => Ok(Some(number)),
            Err(_) if needed => Err(OtlpError::Value { variable, expected: "a whole number" }),
            Err(_) => Ok(None),
        }
    };
    let count = number(["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"])?;
    const LENGTH: [&str; 2] =
        ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"];
    let limits = Limits { bytes: number(LENGTH)?, ..Limits::default() };
    Ok(Limits { count: count.unwrap_or(limits.count), ..limits })
}

/// A URL we can export to.
pub(super) fn url(text: &str) -> Result<Url, OtlpError> {
    let url = Url::parse(text).map_err(|_| OtlpError::Endpoint)?;
    let ours = matches!(url.scheme(), "http" | "https") && url.has_host();
    if ours { Ok(url) } else { Err(OtlpError::Endpoint) }
}

/// `path` below the base URL `text`.
pub(super) fn base(text: &str, path: &str) -> Result<Url, OtlpError> {
    let mut url = url(text)?;
    let below = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&below);
    Ok(url)
}

/// `name=value,name=value`, percent-encoded; what is no pair is skipped.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim();
        (!name.is_empty()).then(|| (decoded(name), decoded(value.trim())))
    })
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'%', [high, low, behind @ ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| {
                rest = behind;
                high * 16 + low
            }),
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
