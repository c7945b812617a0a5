//! A service in each of the set-ups there are, and what arrives at each backend.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use llmobs::openai::OpenAi;
use llmobs::otlp::Otlp;
use llmobs::testing::{Recording, Records};
use llmobs::{Capture, Kind};
use llmobs_testserver::{Answer, Server};
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use prost::Message;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// How a service is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// llmobs was given the service's provider.
    attached: bool,
    /// tracing-opentelemetry is in the subscriber; whether it activates contexts.
    bridge: Option<bool>,
    /// llmobs' layer comes before it.
    ours_first: bool,
}

pub(crate) const OWN: Setup = Setup { attached: false, bridge: None, ours_first: false };
pub(crate) const ATTACHED: Setup = Setup { attached: true, bridge: Some(true), ours_first: false };

/// Every set-up.
fn setups() -> impl Iterator<Item = Setup> {
    let bridges = [None, Some(true), Some(false)].into_iter();
    bridges.flat_map(|bridge| {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|(attached, ours_first)| Setup { attached, bridge, ours_first })
    })
}

impl Setup {
    /// Those with tracing-opentelemetry.
    pub(crate) fn bridged() -> impl Iterator<Item = Self> {
        setups().filter(|setup| setup.bridge.is_some())
    }

    /// Whether a `tracing` span that is entered is OpenTelemetry's current one.
    pub(crate) fn activates(self) -> bool {
        self.bridge == Some(true)
    }
}

/// A span as a backend has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) trace: String,
    pub(crate) operation: Option<String>,
}

/// Spans at one backend.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) Vec<Seen>);

/// What a service did.
pub(crate) struct Told {
    pub(crate) setup: Setup,
    pub(crate) records: Records,
    /// The service's own backend.
    pub(crate) service: Backend,
    /// llmobs' own pipeline.
    pub(crate) own: Backend,
}

pub(crate) struct World {
    setup: Setup,
    pub(crate) model: Server,
    pub(crate) recording: Recording,
    receiver: Server,
    exporter: InMemorySpanExporter,
    pub(crate) provider: SdkTracerProvider,
}

impl World {
    pub(crate) async fn new(setup: Setup) -> Self {
        Self::capturing(setup, Capture::NONE).await
    }

    pub(crate) async fn capturing(setup: Setup, capture: Capture) -> Self {
        let model = Server::start().await.expect("a port for the model");
        let receiver = Server::start().await.expect("a port for the receiver");
        receiver.handler(|_| Answer::bytes(200, "application/x-protobuf", Vec::new()));
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let endpoint = format!("{}/v1/traces", receiver.url());
        let otlp = Otlp::new().traces_endpoint(&endpoint).expect("the receiver has a URL");
        let otlp = if setup.attached { otlp.tracer_provider(&provider) } else { otlp };
        let recording = Recording::with(|builder| {
            otlp.install(builder.decoder(OpenAi::new()).capture(capture))
        });
        Self { setup, model, recording, receiver, exporter, provider }
    }

    /// The service's subscriber.
    pub(crate) fn subscriber(&self) -> Dispatch {
        let bridge = |activation| {
            tracing_opentelemetry::layer::<Registry>()
                .with_tracer(self.provider.tracer("service"))
                .with_context_activation(activation)
                .boxed()
        };
        let ours = || llmobs::layer().boxed();
        let layers = match (self.setup.bridge, self.setup.ours_first) {
            (None, _) => vec![ours()],
            (Some(activation), true) => vec![ours(), bridge(activation)],
            (Some(activation), false) => vec![bridge(activation), ours()],
        };
        Dispatch::new(Registry::default().with(layers))
    }

    /// What came of it.
    pub(crate) async fn told(self) -> Told {
        let recorder = self.recording.recorder().clone();
        let flush = move || recorder.flush(Duration::from_secs(20));
        let flushed = tokio::task::spawn_blocking(flush).await.expect("a flush does not panic");
        flushed.expect("everything is delivered");
        let losses = self.recording.recorder().losses();
        assert_eq!((losses.open, losses.total()), (0, 0), "{losses:?}");
        let spans = self.exporter.get_finished_spans().expect("nobody has shut it down");
        let service = Backend(spans.iter().map(Seen::of_the_sdk).collect());
        let received = self.receiver.received();
        let requests = received.iter().map(|request| {
            ExportTraceServiceRequest::decode(request.body.as_ref()).expect("a protobuf")
        });
        let own = requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|spans| spans.scope_spans)
            .flat_map(|spans| spans.spans);
        let own = Backend(own.map(|span| Seen::of_otlp(&span)).collect());
        Told { setup: self.setup, records: self.recording.observed(), service, own }
    }
}

/// Runs a case in one set-up.
pub(crate) async fn run_in(setup: Setup, case: impl AsyncFnOnce(&World)) -> Told {
    let world = World::new(setup).await;
    run(world, case).await
}

pub(crate) async fn run(world: World, case: impl AsyncFnOnce(&World)) -> Told {
    let _subscribed = tracing::dispatcher::set_default(&world.subscriber());
    world.recording.scope().run(case(&world)).await;
    world.told().await
}

/// Runs a case in every set-up; each must show every call once, everywhere.
pub(crate) async fn everywhere(case: impl AsyncFn(&World), check: impl Fn(&Told)) {
    for setup in setups() {
        let told = run_in(setup, async |world| case(world).await).await;
        told.assert_once();
        check(&told);
    }
}

impl Told {
    /// The backend whose spans have the records' ids, if the records were to be exported as spans.
    pub(crate) fn backend(&self) -> &Backend {
        if self.setup.attached { &self.service } else { &self.own }
    }

    /// Every call once at every backend, with the record's ids.
    #[track_caller]
    pub(crate) fn assert_once(&self) {
        let at = format!("{self}");
        for backend in [&self.service, &self.own] {
            let mut ids: Vec<_> = backend.0.iter().map(|span| &span.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), backend.0.len(), "a span twice: {at}");
        }
        let calls: Vec<_> = self.records.interactions().to_vec();
        let mut backends = vec![self.backend()];
        if self.setup.bridge.is_some() && !self.service.0.is_empty() {
            // Only what tracing-opentelemetry sees is there.
            backends.push(&self.service);
        }
        assert_eq!(self.backend().calls().len(), calls.len(), "{at}");
        if self.setup.bridge.is_some() {
            // Every call of these tests is made in a span of another crate's.
            assert_eq!(self.service.calls().len(), calls.len(), "{at}");
        }
        if self.setup.attached {
            assert!(self.own.0.is_empty(), "{at}");
        }
        for record in self.records.iter().filter(|record| record.kind != Kind::Meta) {
            let id = record.span_id.map(|id| id.to_string()).unwrap_or_default();
            let parent = record.parent_span_id.map(|id| id.to_string()).unwrap_or_default();
            let trace = record.trace_id.map(|id| id.to_string()).unwrap_or_default();
            for backend in &backends {
                for span in backend.0.iter().filter(|span| span.id == id) {
                    assert_eq!((&span.parent, &span.trace), (&parent, &trace), "{at}");
                }
            }
            assert!(self.backend().0.iter().any(|span| span.id == id), "no span {id}: {at}");
        }
    }

    /// The calls at the service's own backend, which only tracing-opentelemetry may have sent there.
    pub(crate) fn has_bridge(&self) -> bool {
        self.setup.bridge.is_some()
    }
}

impl Backend {
    /// Spans of calls to models.
    pub(crate) fn calls(&self) -> Vec<&Seen> {
        let calls = ["chat", "generate_content", "text_completion", "embeddings"];
        let is_call = |span: &&Seen| {
            span.operation.as_deref().is_some_and(|operation| calls.contains(&operation))
        };
        self.0.iter().filter(is_call).collect()
    }

    /// `name < parent`, sorted.
    pub(crate) fn tree(&self) -> Vec<String> {
        let names: BTreeMap<_, _> = self.0.iter().map(|span| (&span.id, &span.name)).collect();
        let mut tree: Vec<_> = self
            .0
            .iter()
            .map(|span| {
                let parent = match span.parent.as_str() {
                    "" => "-",
                    id => names.get(&id.to_owned()).map_or("(missing)", |name| name.as_str()),
                };
                format!("{} < {parent}", span.name)
            })
            .collect();
        tree.sort();
        tree
    }

    /// Asserts on the tree.
    #[track_caller]
    pub(crate) fn assert_tree(&self, expected: &[&str]) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.tree(), expected);
        let mut traces: Vec<_> = self.0.iter().map(|span| &span.trace).collect();
        traces.dedup();
        assert_eq!(traces.len(), 1, "more than one trace: {self:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Seen {
    fn of_the_sdk(span: &opentelemetry_sdk::trace::SpanData) -> Self {
        let operation =
            span.attributes.iter().find(|known| known.key.as_str() == "gen_ai.operation.name");
        Self {
            name: span.name.to_string(),
            id: hex(&span.span_context.span_id().to_bytes()),
            parent: hex(&span.parent_span_id.to_bytes()),
            trace: hex(&span.span_context.trace_id().to_bytes()),
            operation: operation.map(|operation| operation.value.to_string()),
        }
    }

    fn of_otlp(span: &opentelemetry_proto::tonic::trace::v1::Span) -> Self {
        let operation = span.attributes.iter().find(|known| known.key == "gen_ai.operation.name");
        let value = operation.and_then(|operation| operation.value.clone()?.value);
        Self {
            name: span.name.clone(),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            trace: hex(&span.trace_id),
            operation: value.map(|value| match value {
                any_value::Value::StringValue(text) => text,
                other => panic!("an operation is a text: {other:?}"),
            }),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.setup)?;
        writeln!(f, "{}", self.records.tree())?;
        writeln!(f, "service: {:#?}\nown: {:#?}", self.service, self.own)
    }
}
