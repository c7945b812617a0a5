//! Scopes that come from one service and go to another.

use llmobs_core::testing::Recording;
use llmobs_core::{Outcome, StepKind, scope};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_step_below_a_callers_span_is_in_the_callers_trace() {
    let recording = Recording::new();
    let caller = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let carried = recording.scope().traceparent(&caller).run_sync(|| {
        recording.recorder().step(StepKind::Tool, "look up").end();
        scope().to_traceparent()
    });
    let record = recording.observed().only().clone();
    assert_eq!(record.trace_id.map(|id| id.to_string()).as_deref(), Some(TRACE));
    assert_eq!(record.parent_span_id.map(|id| id.to_string()).as_deref(), Some("00f067aa0ba902b7"));
    assert_eq!(carried, Some(caller), "nothing of ours is open in between");
}

#[test]
fn a_caller_that_is_not_sampled_stays_so() {
    let recording = Recording::new();
    let caller = format!("00-{TRACE}-00f067aa0ba902b7-00");
    recording.scope().traceparent(&caller).run_sync(|| {
        recording.recorder().step(StepKind::Tool, "look up").end();
    });
    let record = recording.observed().only().clone();
    assert!(record.unsampled);
    assert_eq!(record.outcome, Some(Outcome::Completed));
}

#[test]
fn what_is_no_traceparent_changes_nothing() {
    let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let later = format!("cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-will-be-like");
    assert_eq!(scope().traceparent(&later).to_traceparent(), Some(good.clone()));
    for bad in [
        String::new(),
        "garbage".into(),
        good[..54].to_owned(),
        good.to_uppercase(),
        good.replace("00-", "ff-"),
        format!("{good}-more"),
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}-00f067aa0ba902b7-xy"),
        format!("00-{TRACE}-+0f067aa0ba902b7-01"),
    ] {
        assert_eq!(scope().traceparent(&bad).to_traceparent(), None, "{bad:?}");
    }
}

#[test]
fn baggage_comes_out_as_it_went_in() {
    let there =
        scope().session("s 1, or two; \"x\"\\%").user("Zoë").tag("a=b", "ü").tag("plain", "v");
    let header = there.to_baggage().expect("there is something to carry");
    assert!(header.is_ascii() && !header.contains([' ', '"', ';', '\\']), "{header}");
    let here = scope().baggage(&header);
    assert_eq!(here.session_id(), there.session_id());
    assert_eq!(here.user_id(), there.user_id());
    assert_eq!(here.to_baggage(), Some(header));
    assert_eq!(scope().to_baggage(), None);
}

#[test]
fn baggage_of_others_is_bounded_and_what_is_not_ours_is_left() {
    let tags: String = (0..200).map(|n| format!(",llmobs.tag.t{n}=v")).collect();
    let long = "x".repeat(300);
    let header = format!(
        "foreign=1, session.id = s-1 ;ttl=5,user.id={long},=,,nonsense,llmobs.tag.=v,\
         llmobs.tag.bad=%ff,llmobs.tag.line=a%0Ab{tags}"
    );
    let scope = scope().baggage(&header);
    assert_eq!((scope.session_id(), scope.user_id()), (Some("s-1"), None));
    let carried = scope.to_baggage().expect("it has tags");
    assert_eq!(carried.matches("llmobs.tag.t").count(), 64);
    assert_eq!(carried.matches(',').count(), 64, "{carried}");
}

#[test]
fn user_ids_leave_hashed_where_there_is_a_key() {
    let hashed = |key: &str| {
        let recording = Recording::with(|builder| builder.hash_user_ids(key));
        recording.scope().user("ada@example.com").run_sync(|| {
            recording.recorder().step(StepKind::Tool, "look up").end();
        });
        recording.observed().only().user_id.clone().expect("it has a user")
    };
    // As Python's hmac and hashlib have it.
    assert_eq!(hashed("secret"), EXPECTED);
    assert_ne!(hashed("secret"), hashed("other"));
    assert_eq!(hashed(""), "ada@example.com", "an empty key is none");
}

/// The first 128 bits.
const EXPECTED: &str = "d1da3149b0fa35cd09c21c293552aeb7";

#[test]
fn tags_are_bounded_and_what_was_cut_is_counted() {
    let recording = Recording::new();
    let mut inside = recording.scope().tag("line", "a\nb").tag("long", "ä".repeat(200));
    for n in 0..10_000 {
        inside = inside.tag(format!("t{n}"), "v");
    }
    inside.run_sync(|| recording.recorder().step(StepKind::Tool, "look up").end());
    let record = recording.observed().only().clone();
    assert_eq!(record.tags.len(), 64);
    assert_eq!(record.tags["line"], "a\u{fffd}b");
    assert_eq!(record.tags["long"], "ä".repeat(128));
    assert_eq!(record.cut.and_then(|cut| cut.tags), Some(2 + 10_000 - 62));
}

#[test]
fn what_is_no_host_fails_the_start_and_says_so() {
    for bad in ["", "a b", "http://gateway.example", "gateway.example:port", "a..b"] {
        let started = llmobs_core::Builder::new().propagate_to(bad).process_wide(false).start();
        let err = started.expect_err("it is no host").to_string();
        assert!(err.contains(&format!("{bad:?}")), "{err}");
    }
}
