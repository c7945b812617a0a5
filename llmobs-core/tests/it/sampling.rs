//! Whole traces are kept or left out, by what they came to.

mod bounds;
mod estimate;
mod open;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use llmobs_core::testing::{FakeClock, Recording, Records};
use llmobs_core::{
    Amount, Batch, Builder, Cost, Evaluation, Ids, Kind, Llmobs, Logprobs, Outcome, Prompt, Record,
    RequestId, Rule, Safety, Sink, SinkError, SpanId, StepKind, TailSampling, Timestamp, Totals,
    TraceId,
};

/// Ids that look random and are the same each time.
#[derive(Debug, Default)]
struct Mixed(AtomicU64);

impl Mixed {
    fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) | 1
    }
}

impl Ids for Mixed {
    fn trace_id(&self) -> TraceId {
        let low = u128::from(self.next());
        TraceId::new(u128::from(self.next()) << 64 | low).expect("it is odd")
    }

    fn span_id(&self) -> SpanId {
        SpanId::new(self.next()).expect("it is odd")
    }

    fn request_id(&self, now: Timestamp) -> RequestId {
        RequestId::new(now, u128::from(self.next()))
    }
}

fn trace(n: u64) -> TraceId {
    let ids = Mixed(AtomicU64::new(n * 7));
    ids.trace_id()
}

fn span(n: u64) -> Option<SpanId> {
    SpanId::new(n + 1)
}

/// The call of a trace: a child of its root.
fn call(n: u64) -> Record {
    Record {
        kind: Kind::Interaction,
        trace_id: Some(trace(n)),
        span_id: span(2 * n + 1),
        parent_span_id: span(2 * n),
        operation: Some("chat".into()),
        model: Some("m".into()),
        outcome: Some(Outcome::Completed),
        total_latency_ms: Some(100.0),
        ..Record::default()
    }
}

fn root(n: u64) -> Record {
    Record {
        kind: Kind::Step,
        step: Some(StepKind::Workflow),
        trace_id: Some(trace(n)),
        span_id: span(2 * n),
        outcome: Some(Outcome::Completed),
        total_latency_ms: Some(200.0),
        ..Record::default()
    }
}

fn sampled(sampling: TailSampling) -> Recording {
    Recording::with(|builder| builder.ids(Mixed::default()).tail_sampling(sampling))
}

fn of_trace(records: &Records, n: u64) -> usize {
    records.iter().filter(|record| record.trace_id == Some(trace(n))).count()
}

#[test]
fn failures_are_kept_whole_and_the_rest_by_its_share() {
    const TRACES: u64 = 5_000;
    let recording = sampled(TailSampling::new(0.05).keep(Rule::failed()));
    for n in 0..TRACES {
        let outcome = if n % 100 == 7 { Outcome::Failed } else { Outcome::Completed };
        recording.recorder().record(Record { outcome: Some(outcome), ..call(n) });
        recording.recorder().record(root(n));
    }
    let records = recording.observed();
    let (mut kept, mut scaled) = (0, 0.0);
    for n in 0..TRACES {
        let of = of_trace(&records, n);
        assert!(of == 0 || of == 2, "{of} of a trace of two");
        if n % 100 == 7 {
            assert_eq!(of, 2);
        } else {
            kept += u64::from(of > 0);
        }
    }
    for record in records.interactions().iter() {
        let sampling = record.sampling.as_deref().expect("each says why it is there");
        let failed = record.outcome == Some(Outcome::Failed);
        assert_eq!(sampling.rule.as_deref(), failed.then_some("failed"));
        assert_eq!(sampling.rate, if failed { 1.0 } else { 0.05 });
        scaled += 1.0 / sampling.rate;
    }
    assert!((200..300).contains(&kept), "{kept} of 4,950 at 5 %");
    assert!((4_000.0..6_000.0).contains(&scaled), "{scaled} stands for 5,000");
    let losses = recording.recorder().losses();
    assert_eq!(losses.sampled_out, losses.refused_by_rule);
    assert_eq!(losses.accepted, 2 * TRACES);
    assert_eq!(losses.recorded, 2 * (kept + 50));
    assert_eq!(losses.refused_by_rule, losses.accepted - losses.recorded);
    assert_eq!((losses.open, losses.total()), (0, 0));
}

#[test]
fn the_first_rule_that_matches_any_record_decides() {
    let rules = || {
        TailSampling::new(0.0)
            .share(Rule::tag("tenant", "noisy"), 0.0)
            .keep(Rule::slower_than(Duration::from_secs(1)))
    };
    let recording = sampled(rules());
    let slow = |n| Record { total_latency_ms: Some(5_000.0), ..root(n) };
    let mut noisy = call(1);
    noisy.tags.insert("tenant".into(), "noisy".into());
    for record in [noisy, slow(1), call(2), slow(2), call(3), root(3)] {
        recording.recorder().record(record);
    }
    let records = recording.observed();
    assert_eq!([1, 2, 3].map(|n| of_trace(&records, n)), [0, 2, 0]);
}

#[test]
fn each_rule_knows_what_it_is_for() {
    let cost =
        |units: &str| Some(Box::new(Cost::reported(units.parse::<Amount>().expect("an amount"))));
    let refusal = Safety { refusal: true, ..Safety::default() };
    let logprobs = |mean| Some(Logprobs { mean, entropy: None, tokens: 9 });
    let prompt = |version: &str| {
        let (name, version) = ("refund".into(), Some(version.into()));
        Some(Prompt { name, version, ..Prompt::default() })
    };
    let with = |change: fn(&mut Record)| {
        let mut record = call(0);
        change(&mut record);
        record
    };
    let cases: Vec<(Rule, Record, Record)> = vec![
        (
            Rule::failed(),
            with(|record| record.outcome = Some(Outcome::Interrupted)),
            with(|record| record.outcome = Some(Outcome::Dropped)),
        ),
        (
            Rule::slower_than(Duration::from_secs(1)),
            Record { total_latency_ms: Some(1_001.0), ..root(0) },
            // A step inside is as slow as what is in it, which counts for itself.
            Record { total_latency_ms: Some(1_001.0), parent_span_id: span(9), ..root(0) },
        ),
        (
            Rule::tag("tenant", "acme"),
            with(|record| drop(record.tags.insert("tenant".into(), "acme".into()))),
            with(|record| drop(record.tags.insert("tenant".into(), "other".into()))),
        ),
        (
            Rule::outcome(Outcome::Dropped),
            with(|record| record.outcome = Some(Outcome::Dropped)),
            call(0),
        ),
        (
            Rule::first_token_after(Duration::from_secs(2)),
            with(|record| record.ttft_ms = Some(2_001.0)),
            with(|record| record.ttft_ms = Some(2_000.0)),
        ),
        (
            Rule::costs_over("0.5".parse().expect("an amount")),
            Record { cost: cost("0.6"), ..call(0) },
            Record { cost: cost("0.5"), ..call(0) },
        ),
        (
            Rule::tokens_over(10),
            with(|record| (record.input_tokens, record.output_tokens) = (Some(8), Some(3))),
            with(|record| record.input_tokens = Some(10)),
        ),
        (
            Rule::finish_reason("length"),
            with(|record| record.finish_reasons = vec![None, Some("length".into())]),
            with(|record| record.finish_reason = Some("stop".into())),
        ),
        (
            Rule::run_costs_over("0.5".parse().expect("an amount")),
            with(|record| {
                let cost = Some("0.6".parse().expect("an amount"));
                record.totals = Some(Box::new(Totals { cost, ..Totals::default() }));
            }),
            Record { cost: cost("0.6"), ..call(0) },
        ),
        (Rule::flagged(), Record { safety: Some(Box::new(refusal)), ..call(0) }, call(0)),
        (
            Rule::uncertain(-1.0),
            Record { logprobs: logprobs(-1.5), ..call(0) },
            Record { logprobs: logprobs(-0.5), ..call(0) },
        ),
        (
            Rule::entropy_over(0.7),
            Record {
                logprobs: Some(Logprobs { mean: 0.0, entropy: Some(0.8), tokens: 9 }),
                ..call(0)
            },
            Record { logprobs: logprobs(-9.0), ..call(0) },
        ),
        (
            Rule::score_below("relevance", 0.5),
            Evaluation::new("relevance").score(0.4).of(&call(0)),
            Evaluation::new("relevance").score(0.5).label("bad").of(&call(0)),
        ),
        (
            Rule::judged("relevance", "bad"),
            Evaluation::new("relevance").label("bad").of(&call(0)),
            Evaluation::new("tone").label("bad").score(0.0).of(&call(0)),
        ),
        (
            Rule::prompt("refund", Some("7")),
            Record { prompt: prompt("7"), ..call(0) },
            Record { prompt: prompt("8"), ..call(0) },
        ),
        (Rule::prompt("refund", None), Record { prompt: prompt("8"), ..call(0) }, call(0)),
        (
            Rule::matching("mine", |record| record.http_status == Some(418)),
            with(|record| record.http_status = Some(418)),
            call(0),
        ),
        (Rule::matching("broken", |_| panic!("as the test says")), root(0), call(0)),
    ];
    for (rule, matching, other) in cases {
        let name = rule.name().to_owned();
        let recording = sampled(TailSampling::new(0.0).keep(rule));
        recording.recorder().record(Record { trace_id: Some(trace(1)), ..matching });
        recording.recorder().record(Record { trace_id: Some(trace(2)), ..other });
        let records = recording.observed();
        let expected = if name == "broken" { (0, 0) } else { (1, 0) };
        assert_eq!((of_trace(&records, 1), of_trace(&records, 2)), expected, "{name}");
        assert_eq!(recording.recorder().losses().total(), 0, "{name}");
    }
}

#[test]
fn what_is_slow_is_known_from_the_others_of_the_model() {
    let recording = sampled(TailSampling::new(0.0).keep(Rule::slowest()));
    let took = |n, model: &str, millis| Record {
        model: Some(model.into()),
        total_latency_ms: Some(millis),
        ..call(n)
    };
    for n in 0..200 {
        recording.recorder().record(took(n, "quick", 90.0 + (n % 20) as f64));
        recording.recorder().record(took(1_000 + n, "slow", 9_000.0));
    }
    recording.recorder().record(took(500, "quick", 900.0));
    recording.recorder().record(took(501, "slow", 9_000.0));
    recording.recorder().record(took(502, "new", 99_000.0));
    let records = recording.observed();
    assert_eq!([500, 501, 502].map(|n| of_trace(&records, n)), [1, 0, 0]);
    assert!(records.len() < 5, "{} of 400 like the others", records.len());
}

#[test]
fn a_slow_first_token_is_known_from_the_others_of_the_model_and_operation() {
    let recording = sampled(TailSampling::new(0.0).keep(Rule::slowest_first_token()));
    let began = |n, operation: &str, ttft| Record {
        operation: Some(operation.to_owned().into()),
        ttft_ms: ttft,
        // Not what it is about.
        total_latency_ms: Some(1e6 - n as f64),
        ..call(n)
    };
    for n in 0..200 {
        recording.recorder().record(began(n, "chat", Some(90.0)));
        recording.recorder().record(began(1_000 + n, "text_completion", Some(9_000.0)));
    }
    recording.recorder().record(began(500, "chat", Some(900.0)));
    recording.recorder().record(began(501, "text_completion", Some(900.0)));
    recording.recorder().record(Record { total_latency_ms: Some(1e9), ..began(502, "chat", None) });
    let records = recording.observed();
    assert_eq!([500, 501, 502].map(|n| of_trace(&records, n)), [1, 0, 0]);
    let sampling = records.iter().find_map(|record| record.sampling.clone()).expect("it says why");
    assert_eq!(sampling.rule.as_deref(), Some("slowest_first_token"));
    assert_eq!(records.len(), 1);
}

#[test]
fn what_comes_late_follows_what_was_decided() {
    let recording = sampled(TailSampling::new(0.0).keep(Rule::failed()));
    recording.recorder().record(Record { outcome: Some(Outcome::Failed), ..call(1) });
    for record in [root(1), root(2), call(1), Record { outcome: Some(Outcome::Failed), ..call(2) }]
    {
        recording.recorder().record(record);
    }
    let records = recording.observed();
    assert_eq!([1, 2].map(|n| of_trace(&records, n)), [3, 0]);
}

/// Hands on the trace of each record.
#[derive(Debug)]
struct Told(mpsc::Sender<Option<TraceId>>);

impl Sink for Told {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records.iter().filter(|record| record.kind != Kind::Meta) {
            self.0.send(record.trace_id).map_err(|_| SinkError::permanent("nobody listens"))?;
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "told"
    }
}

fn told(sampling: TailSampling) -> (Llmobs, FakeClock, mpsc::Receiver<Option<TraceId>>) {
    let (sender, receiver) = mpsc::channel();
    let clock = FakeClock::default();
    let builder = Builder::new().process_wide(false).clock(clock.clone()).sink(Told(sender));
    (builder.tail_sampling(sampling).start().expect("it starts"), clock, receiver)
}

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_trace_whose_root_is_elsewhere_is_over_when_it_is_quiet() {
    let (llmobs, clock, told) = told(TailSampling::new(0.0).keep(Rule::failed()));
    llmobs.record(Record { outcome: Some(Outcome::Failed), ..call(1) });
    let mut others = 0;
    // Anything that happens makes the recorder look at the time, which may have passed before the
    // record reached it.
    let decided = std::iter::repeat_with(|| {
        others += 1;
        clock.advance(Duration::from_secs(6));
        llmobs.record(call(1 + others));
        told.recv_timeout(Duration::from_millis(100))
    });
    let decided = decided.take(600).find_map(Result::ok);
    assert_eq!(decided, Some(Some(trace(1))));
    let losses = llmobs.losses();
    assert_eq!((losses.accepted, losses.recorded), (1 + others, 1));
}

#[test]
fn a_decision_is_remembered_for_more_traces_than_a_service_has_open() {
    let recording = sampled(TailSampling::new(0.0).keep(Rule::failed()));
    recording.recorder().record(Record { outcome: Some(Outcome::Failed), ..root(0) });
    for n in 1..=65_536 {
        recording.recorder().record(root(n));
        if n % 8_192 == 0 {
            assert_eq!(recording.observed().len(), 1);
        }
    }
    recording.recorder().record(call(0));
    assert_eq!(recording.observed().len(), 2);
}

#[test]
fn no_more_records_wait_than_may() {
    let (llmobs, _, told) = told(TailSampling::new(0.0).keep(Rule::failed()).records(10));
    for n in 0..1_000 {
        llmobs.record(Record { outcome: Some(Outcome::Failed), ..call(n) });
    }
    for n in 0..990 {
        assert_eq!(told.recv_timeout(PATIENCE).expect("the oldest are decided on"), Some(trace(n)));
    }
    let losses = llmobs.losses();
    assert_eq!((losses.recorded, losses.open), (990, 10));
    let early = losses.decided_early;
    assert_eq!((early.records, early.bytes, early.age), (990, 0, 0));
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    assert_eq!(llmobs.losses().recorded, 1_000);
}

#[test]
fn records_without_a_trace_are_kept() {
    let recording = sampled(TailSampling::new(0.0));
    recording.recorder().record(Record { trace_id: None, ..call(1) });
    assert_eq!(recording.observed().len(), 1);
}
