//! What is kept stands for everything: sums of one over the rate are right on average.

use std::sync::atomic::AtomicU64;

use llmobs_core::testing::Recording;
use llmobs_core::{Evaluation, Ids, Outcome, Record, Rule, Sampling, TailSampling, TraceId};

use super::{Mixed, root, trace};

const TRACES: u64 = 20_000;

/// A year's traffic in small: 2 % fail, 10 % have a tag, and the rest is routine.
fn traffic(seed: u64) -> Vec<Record> {
    let ids = Mixed(AtomicU64::new(seed.wrapping_mul(0x1000_0000)));
    let one = |n: u64| {
        let mut record = Record { trace_id: Some(ids.trace_id()), ..root(n) };
        record.input_tokens = Some(100 + n % 400);
        if n.is_multiple_of(50) {
            record.outcome = Some(Outcome::Failed);
        } else if n.is_multiple_of(10) {
            record.tags.insert("tenant".into(), "large".into());
        }
        record
    };
    (0..TRACES).map(one).collect()
}

fn rules() -> TailSampling {
    TailSampling::new(0.02).keep(Rule::failed()).share(Rule::tag("tenant", "large"), 0.25)
}

/// Number and tokens of everything, as the kept records have it.
fn estimate(records: &[Record], rules: TailSampling) -> (f64, f64) {
    let recording = Recording::with(|builder| builder.tail_sampling(rules));
    records.iter().for_each(|record| recording.recorder().record(record.clone()));
    let kept = recording.observed();
    let scaled = kept.iter().map(|record| {
        let Sampling { rate, .. } = record.sampling.as_deref().expect("it has a rate");
        (1.0 / rate, record.input_tokens.expect("each has some") as f64 / rate)
    });
    scaled.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[test]
fn sums_over_the_rate_are_right_on_average() {
    // One run is off by 4.7 % (one standard deviation, nearly all of it of the 2 %), the mean of ten by 1.5 %.
    const RUNS: u64 = 10;
    let mut relative = (0.0, 0.0);
    for seed in 1..=RUNS {
        let records = traffic(seed);
        let tokens: u64 = records.iter().filter_map(|record| record.input_tokens).sum();
        let (traces, sum) = estimate(&records, rules());
        let off = (traces / TRACES as f64 - 1.0, sum / tokens as f64 - 1.0);
        assert!(off.0.abs() < 0.2 && off.1.abs() < 0.2, "run {seed} is off by {off:?}");
        relative.0 += off.0 / RUNS as f64;
        relative.1 += off.1 / RUNS as f64;
    }
    // Three standard deviations of the mean.
    assert!(relative.0.abs() < 0.047 && relative.1.abs() < 0.05, "off by {relative:?} on average");
}

#[test]
fn what_a_rule_keeps_whole_is_counted_exactly() {
    let mut records = traffic(7);
    records.retain(|record| record.outcome == Some(Outcome::Failed));
    let (traces, _) = estimate(&records, rules());
    assert_eq!(traces, records.len() as f64);
}

#[test]
fn services_that_share_ids_keep_the_same_traces_and_larger_shares_hold_smaller_ones() {
    let kept = |rest| -> Vec<TraceId> {
        let recording = Recording::with(|builder| builder.tail_sampling(TailSampling::new(rest)));
        traffic(3).into_iter().for_each(|record| recording.recorder().record(record));
        recording.observed().iter().filter_map(|record| record.trace_id).collect()
    };
    let (here, there, more) = (kept(0.05), kept(0.05), kept(0.2));
    assert_eq!(here, there);
    assert!((900..1_100).contains(&here.len()), "{} of {TRACES}", here.len());
    assert!(here.iter().all(|trace| more.contains(trace)));
}

#[test]
fn the_share_is_that_of_opentelemetrys_consistent_sampling() {
    // The last 56 bits against the threshold of one half, as the specification's table has it.
    let with = |bits: u128| TraceId::new(0xf << 120 | bits).expect("it is not zero");
    let below = with(0x007f_ffff_ffff_ffff);
    let at = with(0x0080_0000_0000_0000);
    let recording = Recording::with(|builder| builder.tail_sampling(TailSampling::new(0.5)));
    for trace in [below, at] {
        recording.recorder().record(Record { trace_id: Some(trace), ..root(1) });
    }
    let kept: Vec<_> = recording.observed().iter().filter_map(|record| record.trace_id).collect();
    assert_eq!(kept, [at]);
}

#[test]
fn ids_that_are_counted_are_sampled_by_their_hash() {
    let kept = |random| {
        let rules = TailSampling::new(0.1).random_ids(random);
        let recording = Recording::with(|builder| builder.tail_sampling(rules));
        for n in 1..=5_000 {
            let trace_id = TraceId::new(n);
            recording.recorder().record(Record { trace_id, ..root(1) });
        }
        recording.observed().len()
    };
    assert_eq!(kept(true), 0, "counted ids are all in the smallest values");
    assert!((430..570).contains(&kept(false)), "{} of 5,000 at 10 %", kept(false));
}

#[test]
fn a_late_judgement_says_how_often_ones_like_it_are_there() {
    // Its trace at 10 %, its rule at 50 %: it is there in half of the cases, by itself or with its trace.
    let rules = TailSampling::new(0.1).share(Rule::score_below("r", 0.5), 0.5);
    let recording =
        Recording::with(|builder| builder.tail_sampling(rules.linger(std::time::Duration::ZERO)));
    for n in 0..4_000 {
        recording.recorder().record(root(n));
        recording.recorder().record(Evaluation::new("r").score(0.1).of(&root(n)));
    }
    let records = recording.observed();
    let judged: Vec<_> = records.iter().filter(|record| record.evaluation.is_some()).collect();
    let rates = judged.iter().filter_map(|record| Some(record.sampling.as_deref()?.rate));
    assert!(rates.into_iter().all(|rate| rate == 0.5));
    let scaled = judged.len() as f64 / 0.5;
    assert!((scaled - 4_000.0).abs() < 200.0, "{scaled} stands for 4,000");
    let whole = |n| records.iter().filter(|record| record.trace_id == Some(trace(n))).count();
    assert!((0..4_000).any(|n| whole(n) == 2), "kept traces have theirs");
}
