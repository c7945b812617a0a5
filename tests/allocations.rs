//! What observing costs the caller, in allocations: exact, and held.
//!
//! A binary of its own, since it counts with a global allocator. The transport answers from memory;
//! over sockets the number of reads varies, and the counts with it.

#[path = "../benches/support/load.rs"]
mod load;
#[path = "../benches/support/transport.rs"]
mod transport;

use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use llmobs::http::reqwest::with_body;
use llmobs::{BodyEnd, Call, CallStart, Capture, Llmobs, Record, Target, Verdict, trace_llm};
use load::{BARE, JSON_LINES, Load, OPENTELEMETRY, Setup};
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::ResponseBuilderExt;
use transport::{Canned, Script};

/// Calls counted, after as many that are not.
const CALLS: u64 = 20;
const BODY: &[u8] = br#"{"model":"gpt-4o-mini","stream":true}"#;

/// Allocations of one `run` on this thread, after a warm-up; `between` runs uncounted.
fn each(run: impl Fn(), between: impl Fn()) -> f64 {
    let mut counted = 0;
    for n in 0..2 * CALLS {
        let info = allocation_counter::measure(&run);
        counted += if n < CALLS { 0 } else { info.count_total };
        between();
    }
    counted as f64 / CALLS as f64
}

/// Buffers are back in the pool before the next call, as they are in a service with gaps between
/// calls.
fn settle(llmobs: Option<&Llmobs>) {
    if let Some(llmobs) = llmobs {
        llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
    }
}

/// Allocations of one call on the caller's thread, the reader's task included.
fn of_call(setup: Setup, events: usize) -> f64 {
    let script = Script { tokens: events, per_read: 1, held: false };
    let load = Load::new(setup, Canned::new(script));
    // What the application did not ask for it does not see. Nothing is asked without the layer that
    // takes the answer out again.
    let chunks = events + if setup.asks && setup.layers == 2 { 2 } else { 3 };
    let call = || assert_eq!(load.call(), chunks, "the stream is read whole");
    each(call, || settle(load.llmobs.as_ref()))
}

/// Allocations a call and an event cost over the bare client.
fn over_bare(setup: Setup) -> (f64, f64) {
    let (few, many) = (50, 250);
    let extra = |events| of_call(setup, events) - of_call(BARE, events);
    let (at_few, at_many) = (extra(few), extra(many));
    let per_event = (at_many - at_few) / (many - few) as f64;
    (at_few - per_event * few as f64, per_event)
}

/// The same call straight through the recorder, without any HTTP: what its state takes, and what
/// the tap on its body does.
fn of_recorder(setup: Setup) -> (f64, f64) {
    let provider = SdkTracerProvider::builder().build();
    let llmobs = load::recorder(setup, setup.spans.then_some(&provider));
    let open = || {
        let target =
            Target { method: "POST", host: "127.0.0.1", port: Some(1), path: "/chat/completions" };
        let body = Some(Bytes::from_static(BODY));
        llmobs.call(CallStart { target, body, body_len: None }).expect("it is observed")
    };
    let state = each(|| open().returned(), || settle(Some(&llmobs)));
    let tapped = |call: Call| {
        let headers = [("content-type", b"text/event-stream".as_slice())];
        let mut tap = call.handle().attempt().headers(200, headers.into_iter());
        call.returned();
        tap.data(&Bytes::from_static(b"data: [DONE]\n\n"));
        tap.end(BodyEnd::Complete);
    };
    let both = each(|| tapped(open()), || settle(Some(&llmobs)));
    (state, both - state)
}

/// What it takes to take a response apart and put it together again, with its URL.
fn of_rebuilding() -> f64 {
    let url = reqwest::Url::parse("http://127.0.0.1:1/v1/chat/completions").expect("it is one");
    let with_url = || http::Response::builder().url(url.clone()).body(BODY).expect("complete");
    let rebuilt = |response: reqwest::Response, _| with_body(response, |_, body| body);
    let times = |n| each(|| drop((0..n).fold(with_url().into(), rebuilt)), || ());
    times(2) - times(1)
}

/// What it takes to put a body into another.
fn of_wrapping() -> f64 {
    let times = |n| {
        let wrapped = |body, _| reqwest::Body::wrap::<reqwest::Body>(body);
        each(|| drop((0..n).fold(reqwest::Body::from(BODY), wrapped)), || ())
    };
    times(2) - times(1)
}

fn parts(setup: Setup, call: f64) -> [(&'static str, f64); 6] {
    let (state, tap) = of_recorder(setup);
    let calls = over_bare(Setup { layers: 1, ..setup }).0;
    let (apart, body) = (of_rebuilding(), of_wrapping());
    [
        ("call: state, span and ids", state),
        ("call: request factory and the rest of its layer", calls - state),
        ("attempt: tap", tap),
        ("attempt: the response apart and together, with its URL", apart),
        ("attempt: the body with its tap", body),
        ("attempt: rest", call - calls - tap - apart - body),
    ]
}

#[test]
fn observing_allocates_little_on_the_caller() {
    let off = Setup { layers: 2, ..BARE };
    let rows = [
        ("off", off, 0.0, 0.0),
        ("JSON lines", JSON_LINES, 9.0, 0.02),
        ("JSON lines, asking for usage", Setup { asks: true, ..JSON_LINES }, 28.0, 0.02),
        ("OpenTelemetry", OPENTELEMETRY, 16.0, 0.02),
    ];
    println!("| allocations on the caller over bare | per call | per event |\n|---|--:|--:|");
    for (name, setup, max_call, max_event) in rows {
        let (per_call, per_event) = over_bare(setup);
        println!("| {name} | {per_call:.2} | {per_event:.4} |");
        // The parts of a call that asks are not its own: the client has an event less to read.
        if setup.enabled && !setup.asks {
            for (part, count) in parts(setup, per_call) {
                println!("| … {part} | {count:.2} | |");
            }
        }
        assert!(per_call <= max_call, "{name}: {per_call} allocations a call");
        assert!(per_event <= max_event, "{name}: {per_event} allocations an event");
    }
}

#[test]
fn flushes_that_nobody_waits_for_any_more_take_no_memory_while_a_rule_hangs() {
    let ((began, begun), (go, gone)) = (channel(), channel::<()>());
    let rule = move |_: &mut Record| {
        let _ = began.send(());
        let _ = gone.recv();
        Verdict::Keep
    };
    let builder = llmobs::Builder::from_lookup(&|_| None).no_file().process_wide(false);
    let llmobs = builder.processor(rule).start().expect("it starts");
    llmobs.record(Record::default());
    begun.recv().expect("it hangs");
    let held = allocation_counter::measure(|| {
        for _ in 0..10_000 {
            llmobs.flush(Duration::ZERO).expect_err("it hangs");
            llmobs.idle(Duration::ZERO).expect_err("it hangs");
        }
    });
    drop(go);
    println!("| 10,000 flushes while a rule hangs hold | {} bytes |", held.bytes_current);
    assert!(held.bytes_current < 4_096, "{} bytes", held.bytes_current);
}

#[trace_llm(kind = "tool", capture(args, output), fields(length = city.len()))]
fn look_up(city: &str, days: u8) -> u64 {
    city.len() as u64 + u64::from(days)
}

#[test]
fn a_traced_function_allocates_nothing_when_off_and_little_when_on() {
    let call = || assert_eq!(look_up("Oslo", 3), 7);
    assert_eq!(each(call, || ()), 0.0, "without a recorder");
    let recorder = |setup| load::recorder(setup, None);
    let off = recorder(JSON_LINES);
    off.set_enabled(false);
    off.set_capture(Capture::ALL);
    let scope = llmobs::scope().recorder(&off);
    assert_eq!(scope.run_sync(|| each(call, || ())), 0.0, "turned off");

    let on = recorder(JSON_LINES);
    let scope = llmobs::scope().recorder(&on);
    let bare = scope.run_sync(|| each(call, || settle(Some(&on))));
    on.set_capture(Capture::ALL);
    let captured = scope.run_sync(|| each(call, || settle(Some(&on))));
    println!("| traced function | {bare:.2} | with two arguments and the output {captured:.2} |");
    assert!(bare <= 8.0 && captured <= 15.0, "{bare} and {captured} allocations");
}
