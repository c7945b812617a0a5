//! What `TailSampled` costs a span of the application's own provider, over the processor inside it.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

#[path = "support/cpu.rs"]
mod cpu;

use std::hint::black_box;
use std::time::Duration;

use llmobs::{Llmobs, StepKind, TailSampling};
use llmobs_otlp::{Otlp, TailCounts, TailSampled};
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor};

/// Spans of the application's in a trace.
const SPANS: u64 = 10;
/// Traces of one round; few enough that what is held of them finds room.
const TRACES: u64 = 2_000;
/// Rounds of each side; they take turns.
const TURNS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Throws spans away.
#[derive(Debug)]
struct Gone;

impl SpanProcessor for Gone {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What a trace is to the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// There is none that samples.
    Nobody,
    /// Nothing of llmobs is in it.
    NoPart,
    /// A step is in it, and the trace is kept, or left out.
    Kept,
    LeftOut,
}

/// A service with a provider of its own.
struct Service {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    llmobs: Option<Llmobs>,
    counts: Box<dyn Fn() -> TailCounts>,
    has_step: bool,
}

impl Service {
    fn new(case: Case, tail: bool) -> Self {
        let sampled = TailSampled::new(Gone);
        let account = sampled.account();
        let builder = SdkTracerProvider::builder();
        let builder = match tail {
            true => builder.with_span_processor(sampled),
            false => builder.with_span_processor(Gone),
        };
        let provider = builder.build();
        let sampling = TailSampling::new(if case == Case::LeftOut { 0.0 } else { 1.0 });
        let llmobs = (case != Case::Nobody).then(|| {
            let builder = llmobs_core::Builder::new().process_wide(false).tail_sampling(sampling);
            let builder = Otlp::new().tracer_provider(&provider).install(builder);
            builder.start().expect("it starts")
        });
        let tracer = provider.tracer("service");
        let has_step = matches!(case, Case::Kept | Case::LeftOut);
        Self { provider, tracer, llmobs, counts: Box::new(move || account.counts()), has_step }
    }

    fn trace(&self) {
        let root = self.span(&Context::new());
        let _inside = Context::new().with_span(root).attach();
        let here = Context::current();
        for _ in 1..SPANS {
            self.span(&here).end();
        }
        if let Some(llmobs) = self.llmobs.as_ref().filter(|_| self.has_step) {
            llmobs.step(StepKind::Tool, "look_up").end();
        }
        here.span().end();
    }

    /// Spans of a round.
    fn spans(&self) -> u64 {
        TRACES * (SPANS + u64::from(self.has_step))
    }

    fn span(&self, parent: &Context) -> Span {
        let mut span = self.tracer.start_with_context("query", parent);
        span.set_attribute(KeyValue::new("db.system.name", "postgresql"));
        span.set_attribute(KeyValue::new("db.operation.name", "SELECT"));
        span.set_attribute(KeyValue::new("db.response.returned_rows", 7));
        span
    }

    /// Nanoseconds of CPU a span: of the thread that makes it, and of all, up to the decisions.
    fn round(&self) -> [f64; 2] {
        let (thread, process) = (cpu::thread_nanos(), cpu::nanos());
        (0..TRACES).for_each(|_| self.trace());
        let ours = cpu::thread_nanos().zip(thread).map_or(0.0, |(after, before)| after - before);
        if let Some(llmobs) = &self.llmobs {
            llmobs.flush(PATIENCE).expect("all is decided");
        }
        let all = cpu::nanos().zip(process).map_or(0.0, |(after, before)| after - before);
        [ours, all].map(|nanos| nanos / self.spans() as f64)
    }
}

fn main() {
    // Not a run of the tests, which build this too.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!(
        "| spans of 3 attributes, {SPANS} a trace; medians of {TURNS} pairs | bare, ns of CPU a span | added, on its thread | quartiles | added, all threads | quartiles |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    row("the bare processor again (noise)", Case::Nobody, false);
    row("no recorder samples", Case::Nobody, true);
    row("a recorder samples, the trace has nothing of llmobs", Case::NoPart, true);
    row("it has a step of llmobs, and is kept", Case::Kept, true);
    row("it has a step of llmobs, and is left out", Case::LeftOut, true);
}

fn row(name: &str, case: Case, tail: bool) {
    // Both sides have the recorder and its step: what is compared is the processor.
    let sides = [Service::new(case, false), Service::new(case, tail)];
    let (mut bare, mut added) = (Vec::new(), [Vec::new(), Vec::new()]);
    for turn in 0..=TURNS {
        let mut took = [[0.0; 2]; 2];
        // Each side is the first in every other pair.
        for n in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            took[n] = sides[n].round();
        }
        if turn > 0 {
            bare.push(took[0][0]);
            (0..2).for_each(|n| added[n].push(took[1][n] - took[0][n]));
        }
    }
    let counts = (sides[1].counts)();
    let ended = (TURNS as u64 + 1) * sides[1].spans();
    let found = match case {
        _ if !tail => ended,
        Case::Nobody | Case::NoPart => counts.no_part,
        Case::Kept => counts.kept,
        Case::LeftOut => counts.left_out,
    };
    assert_eq!(found, ended, "{case:?}: {counts:?}");
    let [first, all] = added.map(quartiles);
    println!(
        "| {name} | {:.0} | {:+.0} | {:+.0} … {:+.0} | {:+.0} | {:+.0} … {:+.0} |",
        quartiles(bare)[1],
        first[1],
        first[0],
        first[2],
        all[1],
        all[0],
        all[2],
    );
    sides.iter().for_each(|side| side.provider.shutdown().expect("nothing is left"));
}

/// The quartiles, with the median between them.
fn quartiles(mut took: Vec<f64>) -> [f64; 3] {
    took.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|n| took[took.len() * n / 4])
}
