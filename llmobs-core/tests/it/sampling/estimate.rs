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
    // One run is off by 4.7 % (one standard deviation, nearly all of it of the 2 %), the mean of six by 1.9 %.
    const RUNS: u64 = 6;
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
    assert!(relative.0.abs() < 0.058 && relative.1.abs() < 0.062, "off by {relative:?} on average");
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
    let recording =
        Recording::with(|builder| builder.tail_sampling(TailSampling::new(0.5).by_trace_id()));
    for trace in [below, at] {
        recording.recorder().record(Record { trace_id: Some(trace), ..root(1) });
    }
    let kept: Vec<_> = recording.observed().iter().filter_map(|record| record.trace_id).collect();
    assert_eq!(kept, [at]);
}

#[test]
fn ids_that_are_counted_are_sampled_like_random_ones() {
    let kept = |rules: TailSampling| {
        let recording = Recording::with(|builder| builder.tail_sampling(rules));
        for n in 1..=5_000 {
            let trace_id = TraceId::new(n);
            recording.recorder().record(Record { trace_id, ..root(1) });
        }
        recording.observed().len()
    };
    let hashed = kept(TailSampling::new(0.1));
    assert!((430..570).contains(&hashed), "{hashed} of 5,000 at 10 %");
    assert_eq!(
        kept(TailSampling::new(0.1).by_trace_id()),
        0,
        "they are all in the smallest values"
    );
}

#[test]
fn what_a_head_sampler_took_by_the_id_is_sampled_like_everything() {
    // As OpenTelemetry's SDKs take 1 % by the last 63 bits but one.
    let head = |trace: &TraceId| (trace.get() as u64) >> 1 < (1 << 63) / 100;
    let ids = Mixed(AtomicU64::new(11));
    let all = std::iter::repeat_with(|| ids.trace_id()).filter(head);
    let traces: Vec<_> = all.take(4_000).collect();
    let recording = Recording::with(|builder| builder.tail_sampling(TailSampling::new(0.25)));
    for trace in &traces {
        recording.recorder().record(Record { trace_id: Some(*trace), ..root(1) });
    }
    let kept = recording.observed().len();
    // Three standard deviations are 82; by the id itself it would be 200 too few.
    assert!((918..1_082).contains(&kept), "{kept} of 4,000 at 25 %");
}

#[test]
fn services_of_other_builds_agree_on_a_trace() {
    // The hash is a promise between processes: these may never change.
    let ids = [1, 0xdead_beef, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, u128::MAX];
    let recording = Recording::with(|builder| builder.tail_sampling(TailSampling::new(0.5)));
    for id in ids {
        recording.recorder().record(Record { trace_id: TraceId::new(id), ..root(1) });
    }
    let kept: Vec<_> =
        recording.observed().iter().filter_map(|it| Some(it.trace_id?.get())).collect();
    assert_eq!(kept, [ids[1], ids[3]]);
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
