//! The global provider: each case in a process of its own.

use std::process::Command;

use opentelemetry::Context;
use opentelemetry::global;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::Sampler;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::provider::{meter_provider, provider};
use crate::receiver::Receiver;
use crate::scene::{Scene, quick_call};

/// Runs `case` in a process that runs this one test.
fn alone(test: &str, case: impl FnOnce()) {
    alone_in("global", test, case);
}

/// The same for a test of another module.
pub(crate) fn alone_in(module: &str, test: &str, case: impl FnOnce()) {
    const MARK: &str = "LLMOBS_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return case();
    }
    let program = std::env::current_exe().expect("the test binary");
    let name = format!("{module}::{test}");
    let output = Command::new(program)
        .args(["--exact", &name, "--nocapture"])
        .env(MARK, "1")
        .output()
        .expect("the test binary runs");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

fn mode(scene: &Scene) -> &'static str {
    let text = format!("{:?}", scene.recorder());
    match (text.contains("Attached"), text.contains("Own")) {
        (true, false) => "attached",
        (false, true) => "own",
        _ => "undecided",
    }
}

#[test]
fn a_provider_set_after_the_start_and_before_the_first_call_is_found() {
    alone("a_provider_set_after_the_start_and_before_the_first_call_is_found", || {
        let receiver = Receiver::start();
        let (traces, metrics) = (provider(&receiver, Sampler::AlwaysOn), meter_provider(&receiver));
        let url = receiver.url();
        let otlp = move |otlp: llmobs_otlp::Otlp| otlp.endpoint(&url).expect("a URL");
        let scene = Scene::to(receiver, otlp, |builder| builder);
        assert_eq!(mode(&scene), "undecided");
        global::set_tracer_provider(traces);
        global::set_meter_provider(metrics.clone());
        quick_call(scene.recorder(), "m");
        assert_eq!(mode(&scene), "attached");
        scene.flush();
        // Once, by the provider: the sink that was installed in case has sent nothing.
        scene.receiver.span("chat m");
        metrics.force_flush().expect("the metrics are delivered");
        let names: Vec<_> = scene.receiver.metrics().into_iter().map(|m| m.name).collect();
        assert!(names.contains(&"gen_ai.client.inference.duration".to_owned()), "{names:?}");
    });
}

#[test]
fn a_provider_set_after_the_first_call_changes_nothing() {
    alone("a_provider_set_after_the_first_call_changes_nothing", || {
        let scene = Scene::own();
        quick_call(scene.recorder(), "first");
        assert_eq!(mode(&scene), "own");
        global::set_tracer_provider(provider(&scene.receiver, Sampler::AlwaysOn));
        quick_call(scene.recorder(), "second");
        scene.flush();
        assert_eq!(mode(&scene), "own");
        assert_eq!(scene.receiver.spans().len(), 2);
    });
}

/// The span is tracing-opentelemetry's, so none of ours is started that would show whose they are.
#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn a_span_of_another_crate_as_the_first_operation_finds_the_provider() {
    use opentelemetry::trace::TracerProvider;

    alone("a_span_of_another_crate_as_the_first_operation_finds_the_provider", || {
        let scene = Scene::own();
        let provider = provider(&scene.receiver, Sampler::AlwaysOn);
        global::set_tracer_provider(provider.clone());
        let bridge = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
        let subscriber = Registry::default().with(llmobs_core::layer()).with(bridge);
        tracing::subscriber::with_default(subscriber, || {
            scene.scope().run_sync(|| {
                drop(tracing::info_span!("chat", gen_ai.operation.name = "chat").entered());
            });
        });
        scene.flush();
        assert_eq!(mode(&scene), "attached");
        provider.shutdown().expect("the provider ends");
        let spans = scene.receiver.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        let records = scene.recording.records();
        assert_eq!(
            records[0].span_id.map(|id| id.to_bytes().to_vec()),
            Some(spans[0].span_id.clone())
        );
    });
}

#[test]
fn a_provider_that_samples_nothing_is_a_provider() {
    alone("a_provider_that_samples_nothing_is_a_provider", || {
        let scene = Scene::own();
        global::set_tracer_provider(provider(&scene.receiver, Sampler::AlwaysOff));
        quick_call(scene.recorder(), "m");
        scene.flush();
        assert_eq!(mode(&scene), "attached");
        assert_eq!(scene.receiver.spans().len(), 0);
        assert_eq!(scene.recording.records().len(), 1);
    });
}

#[test]
fn a_first_call_in_a_suppressed_context_decides_nothing() {
    alone("a_first_call_in_a_suppressed_context_decides_nothing", || {
        let scene = Scene::own();
        global::set_tracer_provider(provider(&scene.receiver, Sampler::AlwaysOn));
        {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            quick_call(scene.recorder(), "silent");
        }
        assert_eq!(mode(&scene), "undecided");
        quick_call(scene.recorder(), "heard");
        assert_eq!(mode(&scene), "attached");
        scene.flush();
        assert_eq!(scene.receiver.spans().len(), 1);
    });
}

/// Counts warnings of ours.
#[derive(Clone, Default)]
struct Warnings(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let meta = event.metadata();
        if meta.target() == "llmobs" && *meta.level() == tracing::Level::WARN {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
}

fn warnings(run: impl FnOnce()) -> usize {
    let warnings = Warnings::default();
    let subscriber = Registry::default().with(warnings.clone());
    tracing::subscriber::with_default(subscriber, run);
    warnings.0.load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn a_current_span_without_a_provider_is_warned_of_once() {
    let scene = Scene::own();
    let warned = warnings(|| {
        let flags = TraceFlags::SAMPLED;
        let state = TraceState::default();
        let span = SpanContext::new(TraceId::from(7), SpanId::from(9), flags, false, state);
        let _attached = Context::new().with_remote_span_context(span).attach();
        quick_call(scene.recorder(), "a");
        quick_call(scene.recorder(), "b");
    });
    assert_eq!(warned, 1);
    let scene = Scene::own();
    assert_eq!(warnings(|| quick_call(scene.recorder(), "a")), 0);
    scene.flush();
}

#[test]
fn the_global_provider_is_never_set() {
    alone("the_global_provider_is_never_set", || {
        let scene = Scene::measured();
        quick_call(scene.recorder(), "a");
        scene.flush();
        let span = opentelemetry::trace::Tracer::start(&global::tracer("app"), "probe");
        assert!(!opentelemetry::trace::Span::span_context(&span).is_valid());
    });
}

#[test]
fn the_process_wide_recorder_carries_spans_of_the_application_too() {
    alone("the_process_wide_recorder_carries_spans_of_the_application_too", || {
        let scene = Scene::with(|otlp| otlp, |builder| builder.process_wide(true));
        let given = provider(&scene.receiver, Sampler::AlwaysOn);
        let tracer = opentelemetry::trace::TracerProvider::tracer(&given, "app");
        let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
        opentelemetry::trace::Tracer::in_span(&tracer, "request", |_| {
            let task = async {
                let recorder = llmobs_core::Recorder::current().expect("the process-wide one");
                quick_call(&recorder, "m");
            };
            let task = llmobs_core::ScopeExt::in_current_scope(task);
            runtime.block_on(runtime.spawn(task)).expect("no panic");
        });
        scene.flush();
        let (request, call) = (scene.receiver.span("request"), scene.receiver.span("chat m"));
        assert_eq!(call.parent_span_id, request.span_id);
        assert_eq!(call.trace_id, request.trace_id);
    });
}
