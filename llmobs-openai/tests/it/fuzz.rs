//! Whatever a server sends, and however it is cut: no panic, and the same record.
//!
//! A few seconds in a normal run; `LLMOBS_FUZZ_SECONDS` says how many seconds otherwise, and
//! `--nocapture` shows how many exchanges were decoded in them.

mod corpus;

use std::time::{Duration, Instant};

use bytes::Bytes;
use llmobs_core::{Capture, Decoder, Exchange, Limits, Offline, Outcome, Record, Target};
use llmobs_openai::OpenAi;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value;

use self::corpus::{Case, case};

/// A record is at most so many bytes for each that was sent, and so many beside.
const MOST: (usize, usize) = (8, 16 * 1024);

fn decode(case: &Case, offline: &mut Offline, cuts: &[usize]) -> Result<Record, TestCaseError> {
    let (method, path) = case.route;
    let headers: Vec<_> =
        case.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let exchange = Exchange {
        target: Target { method, host: "host.test", port: None, path },
        request: Bytes::copy_from_slice(&case.request),
        status: case.status,
        headers: &headers,
        end: case.end,
    };
    let mut rest = Bytes::copy_from_slice(&case.body);
    let mut at = 0;
    let mut pieces: Vec<_> = cuts
        .iter()
        .map(|cut| {
            let piece = rest.split_to(cut - at);
            at = *cut;
            piece
        })
        .collect();
    pieces.push(rest);
    let record = offline.decode(&exchange, pieces);
    record.map_err(|err| TestCaseError::fail(format!("{err}: {case:?}")))
}

fn check(case: &Case, decoder: impl Decoder + Copy) -> Result<(), TestCaseError> {
    let mut limits = Limits::default();
    if case.tight {
        (limits.body_bytes, limits.event_bytes) = (100, 60);
    }
    let mut offline = Offline::with_limits(decoder, Capture::ALL, limits);
    let whole = decode(case, &mut offline, &[])?;
    let mut cuts: Vec<_> = case.cuts.iter().map(|cut| cut.index(case.body.len() + 1)).collect();
    cuts.sort_unstable();
    alike(case, &decode(case, &mut offline, &cuts)?, &whole)?;
    let bytes: Vec<_> = (1..case.body.len()).collect();
    alike(case, &decode(case, &mut offline, &bytes)?, &whole)?;
    told(case, &whole)?;
    // Nothing that was kept changes by what else is kept.
    let mut offline = Offline::with_limits(decoder, Capture::NONE, limits);
    let private = decode(case, &mut offline, &cuts)?;
    prop_assert_eq!(private.content, None);
    if !is_coded(case) || whole.cut.is_none() {
        prop_assert_eq!((private.outcome, private.wire), (whole.outcome, whole.wire));
        let tokens = (private.input_tokens, private.output_tokens, private.usage);
        prop_assert_eq!(tokens, (whole.input_tokens, whole.output_tokens, whole.usage));
    }
    Ok(())
}

/// The same record, however the body was cut into reads. Of a damaged encoding as much is decoded
/// as came before the read with the damage: there, only what went wrong is the same.
fn alike(case: &Case, pieces: &Record, whole: &Record) -> Result<(), TestCaseError> {
    let lost = |record: &Record| record.cut.as_ref().is_some_and(|cut| cut.response_body.is_some());
    if is_coded(case) && lost(whole) && lost(pieces) {
        prop_assert_eq!(pieces.http_status, whole.http_status);
    } else {
        prop_assert_eq!(pieces, whole);
    }
    Ok(())
}

fn is_coded(case: &Case) -> bool {
    case.headers.iter().any(|(name, _)| *name == "content-encoding")
}

/// A record is JSON that reads back, of a bounded size, and says one thing of its end.
fn told(case: &Case, record: &Record) -> Result<(), TestCaseError> {
    let line = serde_json::to_string(record).map_err(|err| TestCaseError::fail(err.to_string()))?;
    let (times, beside) = MOST;
    let most = times * (case.body.len() + case.request.len()) + beside;
    // What was encoded may be long; what is kept of it is not without limit either.
    prop_assert!(is_coded(case) || line.len() <= most, "{} bytes of {most}", line.len());
    let back: Record =
        serde_json::from_str(&line).map_err(|err| TestCaseError::fail(format!("{err}: {line}")))?;
    let values = [record, &back].map(serde_json::to_value).map(Result::unwrap_or_default);
    prop_assert!(same(&values[0], &values[1]), "{line}\n{back:?}");
    let failed = record.outcome == Some(Outcome::Failed);
    prop_assert_eq!(record.error.as_ref().is_some_and(|it| it.class.is_some()), failed);
    prop_assert_eq!(record.error.is_some(), failed);
    prop_assert!(failed || case.status < 400);
    Ok(())
}

/// Equal but for the last digit of a fraction, which not every reader of JSON gets right.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(1.0));
            (one - other).abs() <= one.abs() * 1e-14
        }
        _ => one == other,
    }
}

#[test]
fn no_bytes_and_no_cut_change_a_record_or_make_it_panic() {
    let cases = |cases| {
        let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
        TestRunner::new(config)
            .run(&case(), |case| check(&case, OpenAi))
            .map_err(|err| err.to_string())
    };
    let seconds = std::env::var("LLMOBS_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|it| it.parse().expect("LLMOBS_FUZZ_SECONDS is a number"));
    let (began, longest) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(0)));
    assert_eq!(cases(3_000), Ok(()));
    let mut n_cases = 3_000;
    while began.elapsed() < longest {
        assert_eq!(cases(1_000), Ok(()));
        n_cases += 1_000;
    }
    println!("{n_cases} cases, each decoded 4 times, in {:?}: no finding", began.elapsed());
}

#[cfg(feature = "estimate")]
#[test]
fn neither_do_they_when_tokens_are_counted() {
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() };
    let decoder = OpenAi::new().estimate();
    let found = TestRunner::new(config).run(&case(), |case| check(&case, decoder));
    assert_eq!(found.map_err(|err| err.to_string()), Ok(()));
}
