//! What to check against, and what a test is free to send beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value;

use crate::content::Schemas;
use crate::registry::{AttributeDef, MetricDef, Registry, RegistryError};
use crate::violation::{Signal, Violation};
use crate::{event, metric, span};

/// Our own names, as they are published.
const OURS: &str = include_str!("../../llmobs-otlp/semconv/llmobs.json");
/// What the conventions say in words only, and the core conventions that GenAI's refer to.
const RULES: &str = include_str!("../registry/rules.json");
/// Where the GenAI registries are, beside the workspace.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/semconv");

/// Which state of the conventions is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The newest.
    #[default]
    Latest,
    /// Of August 2026.
    V2026_08,
    /// Both beside each other.
    Both,
}

/// Checks requests. Clones share the registries.
#[derive(Clone, Debug)]
pub struct Checker {
    rules: Arc<Rules>,
    state: State,
    compat: bool,
    /// Keys of the application's attributes; one that ends with a dot stands for all below it.
    application: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) latest: Registry,
    pub(crate) previous: Registry,
    pub(crate) schemas: Schemas,
}

impl Rules {
    /// What took the place of an attribute that was given up.
    pub(crate) fn deprecated(&self, key: &str) -> Option<&str> {
        let named = self.latest.deprecated.get(key).map(String::as_str);
        named.or_else(|| self.previous.attribute(key).map(|_| "something else"))
    }
}

impl Checker {
    /// Checks against the registries beside this workspace; `None`, with a line on the standard
    /// error stream, where they are not at hand.
    ///
    /// # Errors
    ///
    /// When a registry is broken, or when they are not at hand in CI (`CI` is set).
    pub fn of_this_workspace() -> Result<Option<Self>, RegistryError> {
        let folder = Path::new(FOLDER);
        if !folder.exists() {
            if std::env::var_os("CI").is_some() {
                return Err(RegistryError::Missing { path: PathBuf::from(FOLDER) });
            }
            #[expect(clippy::print_stderr, reason = "a check that is left out says so")]
            {
                eprintln!("SKIPPED: no registry of the conventions at {}", folder.display());
            }
            return Ok(None);
        }
        Self::of(folder).map(Some)
    }

    /// Checks against the registries in a folder.
    ///
    /// # Errors
    ///
    /// When one of them is missing or broken.
    pub fn of(folder: &Path) -> Result<Self, RegistryError> {
        let latest = folder.join("genai-latest.compact.json");
        let latest = Registry::with_file(&latest, &[RULES, OURS])?;
        let previous = folder.join("genai-2026-08-03.compact.json");
        let previous = std::fs::read_to_string(&previous)
            .map_err(|source| RegistryError::Unreadable { path: previous, source })?;
        // Only metrics were renamed: its spans are not looked at.
        let texts = [previous.as_str(), RULES, OURS].map(without_spans);
        let texts = texts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let previous = Registry::of(texts.iter().map(String::as_str))?;
        let schemas = Schemas::of(&folder.join("content-schemas"))?;
        let rules = Arc::new(Rules { latest, previous, schemas });
        Ok(Self { rules, state: State::default(), compat: false, application: Vec::new() })
    }

    /// The state that is sent; the newest unless said otherwise. Metrics are told apart by it, and
    /// attributes that were given up since.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Lets names of backends be sent beside the conventions'.
    #[must_use]
    pub fn compat(mut self) -> Self {
        self.compat = true;
        self
    }

    /// Declares attributes of the application's: keys, or beginnings that end with a dot.
    #[must_use]
    pub fn application<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        self.application.extend(keys.into_iter().map(str::to_owned));
        self
    }

    /// What is wrong with spans.
    pub fn check_traces(&self, request: &ExportTraceServiceRequest) -> Vec<Violation> {
        let mut out = Vec::new();
        span::check(self, request, &mut out);
        out
    }

    /// What is wrong with metrics.
    pub fn check_metrics(&self, request: &ExportMetricsServiceRequest) -> Vec<Violation> {
        let mut out = Vec::new();
        metric::check(self, request, &mut out);
        out
    }

    /// What is wrong with events.
    pub fn check_logs(&self, request: &ExportLogsServiceRequest) -> Vec<Violation> {
        let mut out = Vec::new();
        event::check(self, request, &mut out);
        out
    }

    /// What is wrong with the body of a request over http/protobuf to one of the specification's
    /// paths; `None` for any other request.
    ///
    /// # Errors
    ///
    /// When the body is not of the protocol.
    pub fn check_body(
        &self,
        path: &str,
        body: &[u8],
    ) -> Result<Option<Vec<Violation>>, prost::DecodeError> {
        Ok(Some(match path.rsplit('/').next() {
            Some("traces") => self.check_traces(&ExportTraceServiceRequest::decode(body)?),
            Some("metrics") => self.check_metrics(&ExportMetricsServiceRequest::decode(body)?),
            Some("logs") => self.check_logs(&ExportLogsServiceRequest::decode(body)?),
            _ => return Ok(None),
        }))
    }

    /// The newest GenAI registry, our own names and the rules put together.
    pub fn registry(&self) -> &Registry {
        &self.rules.latest
    }

    /// The same with the GenAI registry of August 2026, without its spans.
    pub fn previous(&self) -> &Registry {
        &self.rules.previous
    }

    /// Id of the registered type that a span is of, by its attributes and its kind (`client`,
    /// `internal`); `None` for one that is of none.
    pub fn span_type(
        &self,
        kind: &str,
        attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue],
    ) -> Option<&str> {
        span::definition(self.registry(), kind, attributes).map(|(name, _)| name)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The registry that a metric is of.
    pub(crate) fn metric(&self, name: &str) -> Option<(&Registry, &MetricDef)> {
        let Rules { latest, previous, .. } = self.rules();
        let registries: &[&Registry] = match self.state {
            State::Latest => &[latest],
            State::V2026_08 => &[previous],
            State::Both => &[latest, previous],
        };
        registries.iter().find_map(|registry| Some((*registry, registry.metrics.get(name)?)))
    }

    pub(crate) fn sends_latest(&self) -> bool {
        self.state != State::V2026_08
    }

    /// An attribute that only the state of before has, where that is sent.
    pub(crate) fn of_before(&self, key: &str) -> Option<&AttributeDef> {
        let registry = (self.state != State::Latest).then_some(&self.rules.previous)?;
        registry.attribute(key).map(|(_, def)| def)
    }

    pub(crate) fn sends_compat(&self) -> bool {
        self.compat
    }

    pub(crate) fn is_of_the_application(&self, key: &str, signal: Signal) -> bool {
        let ours = ["llmobs", "gen_ai", "openai"];
        if key.split_once('.').is_some_and(|(start, _)| ours.contains(&start)) {
            return false;
        }
        let declared = |known: &String| {
            key == known || (known.ends_with('.') && key.starts_with(known.as_str()))
        };
        signal == Signal::Resource || self.application.iter().any(declared)
    }
}

fn without_spans(text: &str) -> Result<String, RegistryError> {
    let mut registry: BTreeMap<String, Value> = serde_json::from_str(text)?;
    registry.remove("spans");
    Ok(serde_json::to_string(&registry)?)
}
