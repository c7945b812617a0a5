//! What waits is bounded, and what is over the bounds is decided on early, never lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::{Memory, Recording};
use llmobs_core::{
    Builder, Evaluation, Kind, OpenSpan, Outcome, Record, Recorder, Rule, Sampling, SpanStart,
    TailSampling, TraceBackend, TraceId, TraceVerdict,
};

use super::{PATIENCE, call, of_trace, root, sampled, told, trace};

#[test]
fn no_more_memory_is_taken_than_may_and_what_is_over_it_is_decided_early() {
    let rules = TailSampling::new(0.0).keep(Rule::failed()).bytes(100_000);
    let (llmobs, _, told) = told(rules);
    let long = |n| {
        let mut record = Record { outcome: Some(Outcome::Failed), ..call(n) };
        record.name = Some("x".repeat(40_000));
        record
    };
    for n in 0..5 {
        llmobs.record(long(n));
    }
    for n in 0..3 {
        assert_eq!(told.recv_timeout(PATIENCE).expect("it is decided on"), Some(trace(n)));
    }
    let losses = llmobs.losses();
    assert_eq!((losses.recorded, losses.open, losses.total()), (3, 2, 0));
    let early = losses.decided_early;
    assert_eq!((early.records, early.bytes, early.age), (0, 3, 0));
}

#[test]
fn a_trace_that_takes_too_long_is_decided_as_far_as_it_has_come_and_its_rest_follows() {
    let rules = TailSampling::new(0.0).keep(Rule::failed());
    let rules = rules.quiet(Duration::from_secs(3_600)).longest(Duration::from_secs(1));
    let (llmobs, clock, told) = told(rules);
    // First the one that nobody is told of: when the other is old enough, so is this.
    llmobs.record(call(2));
    llmobs.record(Record { outcome: Some(Outcome::Failed), ..call(1) });
    // The recorder looks at the time by itself; when it has taken the records is for it to say.
    let mut kept = Vec::new();
    let both = std::iter::repeat_with(|| {
        clock.advance(Duration::from_secs(1));
        kept.extend(told.recv_timeout(Duration::from_millis(100)));
        llmobs.losses().decided_early.age == 2
    });
    assert!(both.take(600).any(|both| both), "their time is over");
    llmobs.record(call(1));
    llmobs.record(Record { outcome: Some(Outcome::Failed), ..call(2) });
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    kept.extend(told.try_iter());
    assert_eq!(kept, [Some(trace(1)); 2]);
    let losses = llmobs.losses();
    assert_eq!((losses.decided_early.age, losses.sampled_out, losses.total()), (2, 2, 0));
}

#[test]
fn a_flush_decides_on_what_waits_as_far_as_it_has_come_and_its_rest_follows() {
    let (llmobs, _, told) = told(TailSampling::new(0.0).keep(Rule::failed()));
    let failed = |n| Record { outcome: Some(Outcome::Failed), ..call(n) };
    llmobs.record(failed(1));
    llmobs.record(call(2));
    llmobs.flush(PATIENCE).expect("what it has decided on is delivered");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some(trace(1))]);
    llmobs.record(call(1));
    llmobs.record(failed(2));
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some(trace(1))]);
    let losses = llmobs.losses();
    // Two calls, and the recorder's own report.
    assert_eq!((losses.accepted, losses.recorded, losses.sampled_out), (5, 3, 2));
    assert_eq!(losses.total(), 0);
}

#[test]
fn what_was_left_out_is_in_the_last_report_and_is_no_loss() {
    let memory = Memory::default();
    let builder = Builder::new().process_wide(false).sink(memory.clone());
    let llmobs = builder.tail_sampling(TailSampling::new(0.0)).start().expect("it starts");
    for n in 0..3 {
        llmobs.record(root(n));
    }
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    let records = memory.records();
    let reports = records.iter().filter_map(|record| record.meta.as_ref()?.losses.as_ref());
    let reports: Vec<_> = reports.map(|report| (report.sampled_out, report.lost.len())).collect();
    assert_eq!(reports, [(3, 0)]);
}

#[test]
fn a_low_score_keeps_a_trace_that_is_still_held() {
    let rules = TailSampling::new(0.0).keep(Rule::score_below("relevance", 0.5));
    let recording = sampled(rules);
    for (n, score) in [(1, 0.2), (2, 0.9)] {
        recording.recorder().record(call(n));
        recording.recorder().record(root(n));
        recording.recorder().record(Evaluation::new("relevance").score(score).of(&call(n)));
    }
    let records = recording.observed();
    assert_eq!([1, 2].map(|n| of_trace(&records, n)), [3, 0]);
    for record in records.iter() {
        let sampling = record.sampling.as_deref().expect("it says why");
        assert_eq!((sampling.rate, sampling.rule.as_deref()), (1.0, Some("score:relevance")));
    }
}

#[test]
fn a_trace_lingers_for_scores_only_where_a_rule_asks_for_them() {
    let settled = |rules: TailSampling| {
        let recording = sampled(rules);
        recording.recorder().record(Record { outcome: Some(Outcome::Failed), ..root(1) });
        // A second trace is handled after the first one.
        recording.recorder().record(root(2));
        let begun = std::iter::repeat_with(|| {
            std::thread::yield_now();
            recording.recorder().losses()
        });
        let handled = |losses: &llmobs_core::Losses| losses.open == 0;
        begun.take(200_000).any(|losses| handled(&losses))
    };
    assert!(settled(TailSampling::new(0.0)), "nothing waits");
    let scored = TailSampling::new(0.0).keep(Rule::score_below("relevance", 0.5));
    assert!(settled(scored.linger(Duration::ZERO)), "nothing waits where no time is given");
}

#[test]
fn a_judgement_that_comes_too_late_is_kept_for_itself_where_a_rule_says_so() {
    let rules = TailSampling::new(0.0).keep(Rule::failed()).keep(Rule::score_below("r", 0.5));
    let recording = sampled(rules.linger(Duration::ZERO));
    let record = |record| recording.recorder().record(record);
    record(root(1));
    record(Record { outcome: Some(Outcome::Failed), ..root(2) });
    let judged = |n, score| Evaluation::new("r").score(score).of(&root(n));
    for n in [1, 2] {
        record(judged(n, 0.1));
        record(judged(n, 0.9));
    }
    let records = recording.observed();
    let of = |n| {
        let of = records.iter().filter(|record| record.trace_id == Some(trace(n)));
        of.map(|it| {
            let Sampling { rate, rule } = it.sampling.as_deref().expect("it says why").clone();
            (it.kind == Kind::Evaluation, rate, rule.unwrap_or_default())
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(of(1), [(true, 1.0, "score:r".to_owned())]);
    let failed = || "failed".to_owned();
    assert_eq!(of(2), [(false, 1.0, failed()), (true, 1.0, failed()), (true, 1.0, failed())]);
}

/// What a backend was told, and the recorder it may tell something.
#[derive(Clone, Debug, Default)]
struct Listening {
    decided: Arc<Mutex<Vec<(TraceId, TraceVerdict)>>>,
    recorder: Arc<Mutex<Option<llmobs_core::WeakRecorder>>>,
    over: Arc<AtomicBool>,
}

impl Listening {
    fn decided(&self) -> Vec<(TraceId, TraceVerdict)> {
        self.decided.lock().expect("no panic").clone()
    }
}

impl TraceBackend for Listening {
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
        llmobs_core::LocalBackend::span(start)
    }

    fn tail_sampled(&self, recorder: &Recorder) {
        *self.recorder.lock().expect("no panic") = Some(recorder.downgrade());
    }

    fn decided(&self, trace_id: TraceId, verdict: &TraceVerdict) {
        self.decided.lock().expect("no panic").push((trace_id, verdict.clone()));
        // Whatever it does, no record is lost by it.
        std::panic::resume_unwind(Box::new("as the test says"));
    }

    fn nothing_decided(&self) {
        let decided = self.decided().len();
        assert!(!self.over.swap(true, Ordering::SeqCst), "once, after {decided}");
    }

    fn mode(&self) -> Option<&'static str> {
        None
    }
}

#[test]
fn the_backend_is_told_of_every_trace_and_may_say_that_one_is_over() {
    let listening = Listening::default();
    let backend = listening.clone();
    let rules = TailSampling::new(0.0).keep(Rule::failed());
    let recording = Recording::with(|builder| builder.backend(backend).tail_sampling(rules));
    let recorder = recording.recorder();
    let known = listening.recorder.lock().expect("no panic").clone().expect("it was given one");
    assert!(known.upgrade().is_some_and(|known| known.is(recorder)));
    recorder.record(Record { outcome: Some(Outcome::Failed), ..root(1) });
    recorder.record(root(2));
    // Its root is nobody's here: the backend knows when it is over.
    recorder.record(Record { outcome: Some(Outcome::Failed), ..call(3) });
    recorder.trace_ended(trace(3));
    // Told of twice, of one that was decided on, and of one that nothing is known of.
    recorder.trace_ended(trace(2));
    recorder.trace_ended(trace(4));
    let records = recording.observed();
    assert_eq!([1, 2, 3, 4].map(|n| of_trace(&records, n)), [1, 0, 1, 0]);
    let kept = || TraceVerdict::Kept(Sampling { rate: 1.0, rule: Some("failed".into()) });
    let expected = [
        (trace(1), kept()),
        (trace(2), TraceVerdict::LeftOut),
        (trace(3), kept()),
        (trace(2), TraceVerdict::LeftOut),
        (trace(4), TraceVerdict::Unknown),
    ];
    assert_eq!(listening.decided(), expected);
    assert_eq!(recorder.losses().total(), 0);
}

#[test]
fn the_backend_is_told_when_nothing_is_decided_any_more() {
    let listening = Listening::default();
    let builder = Builder::new().process_wide(false).backend(listening.clone());
    let llmobs = builder
        .tail_sampling(TailSampling::new(0.0).keep(Rule::failed()))
        .start()
        .expect("it starts");
    // Waits for its root, which is elsewhere.
    llmobs.record(call(1));
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    assert_eq!(listening.decided(), [(trace(1), TraceVerdict::LeftOut)]);
    assert!(listening.over.load(Ordering::SeqCst));
    // Nobody reads this any more.
    llmobs.trace_ended(trace(1));
}

#[test]
fn what_was_decided_is_forgotten_after_many_others_and_only_then() {
    // At the least one of these, at the most two.
    const REMEMBERED: u64 = 65_536;
    let recording = sampled(TailSampling::new(0.0).keep(Rule::failed()));
    let late = || Record { outcome: Some(Outcome::Failed), ..call(0) };
    let kept = || of_trace(&recording.observed(), 0);
    for n in 0..REMEMBERED {
        recording.recorder().record(root(n));
        if n % 10_000 == 0 {
            // No more than the queue has room for.
            recording.observed();
        }
    }
    recording.recorder().record(late());
    assert_eq!(kept(), 0, "it follows its root");
    for n in REMEMBERED..=2 * REMEMBERED {
        recording.recorder().record(root(n));
        if n % 10_000 == 0 {
            recording.observed();
        }
    }
    recording.recorder().record(late());
    assert_eq!(kept(), 1, "it is a trace of its own");
    assert_eq!(recording.recorder().losses().total(), 0);
}
