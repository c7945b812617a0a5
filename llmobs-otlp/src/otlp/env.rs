//! The `OTEL_*` environment.

use std::ffi::OsString;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::headers::headers;
use super::signal::Route;
use super::{Compression, ContentPlace, Otlp, OtlpError, Protocol, Semconv, Signal, Temporality};
use crate::backend::{Sampler, Share};
use crate::span::Limits;

/// An exporter of metrics that is asked, and does not send.
const PROMETHEUS: &str = "prometheus";

/// The environment; empty values are none.
pub(super) struct Environment<'a>(&'a dyn Fn(&str) -> Option<OsString>);

/// A variable for one signal, then the one for all.
type Pair = [&'static str; 2];

/// Names of the variables of one signal.
struct Names {
    exporter: &'static str,
    /// What the exporter may be.
    exporters: &'static str,
    endpoint: Pair,
    headers: Pair,
    timeout: Pair,
    compression: Pair,
    protocol: Pair,
    insecure: Pair,
    certificate: Pair,
    client_certificate: Pair,
    client_key: Pair,
}

/// The names for a signal, which differ by its own name alone.
macro_rules! names {
    ($signal:literal) => {
        Names {
            exporter: concat!("OTEL_", $signal, "_EXPORTER"),
            exporters: "`otlp` and `none`",
            endpoint: names!($signal, "ENDPOINT"),
            headers: names!($signal, "HEADERS"),
            timeout: names!($signal, "TIMEOUT"),
            compression: names!($signal, "COMPRESSION"),
            protocol: names!($signal, "PROTOCOL"),
            insecure: names!($signal, "INSECURE"),
            certificate: names!($signal, "CERTIFICATE"),
            client_certificate: names!($signal, "CLIENT_CERTIFICATE"),
            client_key: names!($signal, "CLIENT_KEY"),
        }
    };
    ($signal:literal, $what:literal) => {
        [concat!("OTEL_EXPORTER_OTLP_", $signal, "_", $what), concat!("OTEL_EXPORTER_OTLP_", $what)]
    };
}

const TRACES: Names = names!("TRACES");
const METRICS: Names = Names { exporters: "`otlp`, `prometheus` and `none`", ..names!("METRICS") };
const LOGS: Names = names!("LOGS");

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self(lookup)
    }

    fn get(&self, variable: &'static str) -> Result<Option<String>, OtlpError> {
        let value = (self.0)(variable).map(OsString::into_string).transpose();
        let value = value.map_err(|_| OtlpError::Value { variable, expected: "UTF-8" })?;
        let value = value.as_deref().map(str::trim);
        Ok(value.filter(|value| !value.is_empty()).map(str::to_owned))
    }

    fn first(&self, names: Pair) -> Result<Option<(&'static str, String)>, OtlpError> {
        for name in names {
            if let Some(value) = self.get(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    fn millis(&self, names: Pair) -> Result<Option<Duration>, OtlpError> {
        let Some((variable, value)) = self.first(names)? else { return Ok(None) };
        let millis = value.parse().ok().filter(|millis| *millis > 0);
        let expected = "a number of milliseconds above zero";
        millis
            .map(|n| Some(Duration::from_millis(n)))
            .ok_or(OtlpError::Value { variable, expected })
    }
}

impl Environment<'_> {
    /// A file that a variable names, and the variable.
    fn file(&self, names: Pair) -> Result<Option<(&'static str, Vec<u8>)>, OtlpError> {
        let Some((variable, path)) = self.first(names)? else { return Ok(None) };
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some((variable, bytes))),
            Err(err) => Err(OtlpError::File { variable, kind: err.kind() }),
        }
    }
}

pub(super) fn read(env: &Environment<'_>) -> Result<Otlp, OtlpError> {
    let mut otlp = Otlp::new();
    if env.get("OTEL_SDK_DISABLED")?.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        otlp.disabled = true;
        return Ok(otlp);
    }
    otlp.first.traces = route(env, Signal::Traces, &TRACES)?;
    if otlp.first.traces.has_endpoint() {
        otlp.sampler = sampler(env)?;
    }
    otlp.first.metrics = route(env, Signal::Metrics, &METRICS)?;
    otlp.first.logs = route(env, Signal::Logs, &LOGS)?;
    otlp.content = content(env)?;
    otlp.details = details(env)?;
    otlp.limits = limits(env, otlp.first.traces.has_endpoint())?;
    if scraped(env)? {
        otlp = prometheus(otlp, env)?;
    }
    otlp.resource.service = env.get("OTEL_SERVICE_NAME")?;
    let attributes = env.get("OTEL_RESOURCE_ATTRIBUTES")?.unwrap_or_default();
    otlp.resource.attributes = pairs(&attributes).collect();
    const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    if let Some(interval) = env.millis([INTERVAL, INTERVAL])? {
        otlp.interval = interval;
    }
    otlp.temporality = temporality(env)?;
    otlp.semconv = semconv(env)?;
    Ok(otlp)
}

fn semconv(env: &Environment<'_>) -> Result<Semconv, OtlpError> {
    let variable = "LLMOBS_SEMCONV";
    match env.get(variable)?.as_deref() {
        None => Ok(Semconv::default()),
        Some("latest") => Ok(Semconv::Latest),
        Some("2026-08") => Ok(Semconv::V2026_08),
        Some("both") => Ok(Semconv::Both),
        Some(_) => Err(OtlpError::Value { variable, expected: "latest, 2026-08 or both" }),
    }
}

/// Whether metrics are to be scraped.
fn scraped(env: &Environment<'_>) -> Result<bool, OtlpError> {
    let list = env.get(METRICS.exporter)?.unwrap_or_default();
    Ok(list.split(',').any(|value| value.trim() == PROMETHEUS))
}

#[cfg(feature = "prometheus")]
fn prometheus(otlp: Otlp, env: &Environment<'_>) -> Result<Otlp, OtlpError> {
    let host = env.get("OTEL_EXPORTER_PROMETHEUS_HOST")?;
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let variable = "OTEL_EXPORTER_PROMETHEUS_PORT";
    let port: u16 = match env.get(variable)? {
        Some(port) => {
            let expected = "a port, a number from 0 to 65535";
            port.parse().map_err(|_| OtlpError::Value { variable, expected })?
        }
        None => 9464,
    };
    // An address of IPv6 has colons of its own.
    let bare = host.parse::<std::net::Ipv6Addr>().is_ok();
    otlp.prometheus(&if bare { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

#[cfg(not(feature = "prometheus"))]
fn prometheus(_: Otlp, _: &Environment<'_>) -> Result<Otlp, OtlpError> {
    let (variable, value) = (METRICS.exporter, PROMETHEUS);
    Err(OtlpError::Feature { variable, value, feature: PROMETHEUS })
}

/// Which variable it is that has no URL; not the value, which may hold credentials.
fn no_url(err: OtlpError, variable: &'static str) -> OtlpError {
    let expected = "an http or https URL, such as http://localhost:4318";
    if err == OtlpError::Endpoint { OtlpError::Value { variable, expected } } else { err }
}

fn route(env: &Environment<'_>, signal: Signal, names: &Names) -> Result<Route, OtlpError> {
    let mut route = Route::of(signal);
    let named = exporter(env, names)?;
    if named == Some(false) {
        route.off = true;
        return Ok(route);
    }
    let [ours, everybodys] = names.endpoint;
    let (own, general) = (env.get(ours)?, env.get(everybodys)?);
    // What follows is for another exporter.
    if own.is_none() && general.is_none() && named != Some(true) {
        return Ok(route);
    }
    let protocol = protocol(env, names)?;
    let grpc = protocol == Protocol::Grpc;
    let own = own.map(|url| schemed(env, names, grpc, url)).transpose()?;
    let general = general.map(|url| schemed(env, names, grpc, url)).transpose()?;
    match (own, general) {
        (Some(own), _) => route.exactly(&own).map_err(|err| no_url(err, ours))?,
        (None, Some(general)) => route.base(&general).map_err(|err| no_url(err, everybodys))?,
        (None, None) => route.usual(),
    }
    route.protocol(protocol)?;
    if let Some((variable, text)) = env.first(names.headers)? {
        headers(variable, &text, |name, value| route.header(name, value))?;
    }
    if let Some(timeout) = env.millis(names.timeout)? {
        route.timeout = timeout;
    }
    if let Some((variable, value)) = env.first(names.compression)? {
        route.compression = match value.as_str() {
            "gzip" => Compression::Gzip,
            "none" => Compression::None,
            _ => return Err(OtlpError::Value { variable, expected: "gzip or none" }),
        };
    }
    if let Some((_, certificates)) = env.file(names.certificate)? {
        route.tls.trust(&certificates)?;
    }
    match (env.file(names.client_certificate)?, env.file(names.client_key)?) {
        (Some((_, certificate)), Some((_, key))) => route.tls.identify(&certificate, &key)?,
        (None, None) => {}
        (Some((variable, _)), None) | (None, Some((variable, _))) => {
            let expected = "set beside the other of the client's certificate and key";
            return Err(OtlpError::Value { variable, expected });
        }
    }
    Ok(route)
}

fn protocol(env: &Environment<'_>, names: &Names) -> Result<Protocol, OtlpError> {
    match env.first(names.protocol)? {
        None => Ok(Protocol::default()),
        Some((_, value)) if value == "http/protobuf" => Ok(Protocol::HttpProtobuf),
        Some((_, value)) if value == "grpc" => Ok(Protocol::Grpc),
        Some((variable, value)) => Err(OtlpError::Protocol { variable, value }),
    }
}

/// Endpoints for gRPC may be a host and a port alone.
fn schemed(
    env: &Environment<'_>,
    names: &Names,
    grpc: bool,
    url: String,
) -> Result<String, OtlpError> {
    if !grpc || url.contains("://") {
        return Ok(url);
    }
    let insecure = match env.first(names.insecure)? {
        None => false,
        Some((_, value)) if value.eq_ignore_ascii_case("true") => true,
        Some((_, value)) if value.eq_ignore_ascii_case("false") => false,
        Some((variable, _)) => {
            return Err(OtlpError::Value { variable, expected: "true or false" });
        }
    };
    Ok(format!("{}://{url}", if insecure { "http" } else { "https" }))
}

/// Whether the signal is to be exported; `None` when the environment does not say.
fn exporter(env: &Environment<'_>, names: &Names) -> Result<Option<bool>, OtlpError> {
    let variable = names.exporter;
    let Some(list) = env.get(variable)? else { return Ok(None) };
    let mut export = false;
    for value in list.split(',').map(str::trim) {
        match value {
            "otlp" => export = true,
            "none" => {}
            PROMETHEUS if names.exporter == METRICS.exporter => {}
            _ => {
                let (value, known) = (value.to_owned(), names.exporters);
                return Err(OtlpError::Exporter { variable, value, known });
            }
        }
    }
    Ok(Some(export))
}

fn sampler(env: &Environment<'_>) -> Result<Sampler, OtlpError> {
    let variable = "OTEL_TRACES_SAMPLER";
    let Some(name) = env.get(variable)? else { return Ok(Sampler::default()) };
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
    let Some(ratio) = env.get(variable)? else { return Ok(1.0) };
    let ratio = ratio.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or(OtlpError::Value { variable, expected: "a share from 0 to 1" })
}

fn content(env: &Environment<'_>) -> Result<Option<ContentPlace>, OtlpError> {
    let variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    let Some(value) = env.get(variable)? else { return Ok(None) };
    match value.to_ascii_uppercase().as_str() {
        // `true` and `false` are from before there were places.
        "NO_CONTENT" | "FALSE" => Ok(Some(ContentPlace::NoContent)),
        "SPAN_ONLY" | "TRUE" => Ok(Some(ContentPlace::SpanOnly)),
        "EVENT_ONLY" => Ok(Some(ContentPlace::EventOnly)),
        "SPAN_AND_EVENT" => Ok(Some(ContentPlace::SpanAndEvent)),
        _ => {
            let expected = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT";
            Err(OtlpError::Value { variable, expected })
        }
    }
}

fn details(env: &Environment<'_>) -> Result<Option<bool>, OtlpError> {
    let variable = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT";
    let Some(value) = env.get(variable)? else { return Ok(None) };
    let value = value.to_ascii_lowercase().parse();
    value.map(Some).map_err(|_| OtlpError::Value { variable, expected: "true or false" })
}

fn temporality(env: &Environment<'_>) -> Result<Temporality, OtlpError> {
    let variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let Some(value) = env.get(variable)? else { return Ok(Temporality::default()) };
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
    let read = |names: Pair| {
        let Some((variable, value)) = env.first(names)? else { return Ok(None) };
        let number = value.parse::<usize>();
        number.map(Some).map_err(|_| OtlpError::Value { variable, expected: "a whole number" })
    };
    let number = |names| if needed { read(names) } else { Ok(read(names).unwrap_or_default()) };
    let count = number(["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"])?;
    const LENGTH: [&str; 2] =
        ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"];
    let limits = Limits { bytes: number(LENGTH)?, ..Limits::default() };
    Ok(Limits { count: count.unwrap_or(limits.count), ..limits })
}

/// `name=value,name=value`, percent-encoded; what is no pair is skipped.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim();
        (!name.is_empty()).then(|| (decoded(name), decoded(value.trim())))
    })
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
