//! Agents and fallbacks sum up what happens below them.

use llmobs_core::testing::Recording;
use llmobs_core::{
    Amount, BodyEnd, Call, CallStart, Capture, Closing, Cost, Decoder, Event, EventFacts, Fold,
    OpenCalls, Outcome, Record, Route, StepKind, Tap, Target, Totals, fallback, scope,
};

const TARGET: Target<'_> =
    Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };

/// Reads `model` requests, and answers of input and output tokens: `3 5`.
#[derive(Debug, Default)]
struct Counting(Option<(u64, u64)>);

impl Decoder for Counting {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "counting", provider: Some("somebody") })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Counting {
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts::default()
    }

    fn body(&mut self, body: &[u8]) -> bool {
        assert_ne!(body, b"panic", "as the test says");
        let text = std::str::from_utf8(body).unwrap_or_default();
        let counts = text.split_once(' ');
        self.0 = counts.and_then(|(i, o)| Some((i.parse().ok()?, o.parse().ok()?)));
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        (record.input_tokens, record.output_tokens) = self.0.unzip();
        Closing::default()
    }
}

fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(Counting::default()))
}

/// Begins a call with whichever recorder is current.
fn begin(model: &'static str) -> Call {
    let recorder = llmobs_core::Recorder::current().expect("a recorder is current");
    let start = CallStart { target: TARGET, body: Some(model.into()), body_len: None };
    recorder.call(start).expect("there is room")
}

/// Gives the answer's beginning to the application.
fn answer(call: Call, status: u16, body: &'static str) -> Tap {
    let mut tap = call.handle().attempt().headers(status, std::iter::empty());
    tap.data(&body.into());
    call.returned();
    tap
}

fn ask(model: &'static str, status: u16, body: &'static str) {
    answer(begin(model), status, body).end(BodyEnd::Complete);
}

fn step<R>(kind: StepKind, name: &'static str, run: impl FnOnce() -> R) -> R {
    let step = llmobs_core::Step::start(kind, name);
    let result = step.run_sync(run);
    step.end();
    result
}

fn totals(record: &Record) -> &Totals {
    record.totals.as_deref().expect("it sums up")
}

#[test]
fn an_agent_sums_up_its_calls_its_tools_and_its_sub_agents() {
    let recording = recording();
    recording.scope().run_sync(|| {
        step(StepKind::Agent, "outer", || {
            ask("m", 200, "3 5");
            step(StepKind::Tool, "look up", || ());
            step(StepKind::Agent, "inner", || {
                ask("m", 200, "10 20");
                step(StepKind::Tool, "search", || ask("m", 500, "oops"));
            });
            ask("m", 200, "100 200");
        });
        ask("m", 200, "1000 1000");
    });
    let records = recording.observed();
    let outer = Totals {
        calls: 4,
        failed: 1,
        turns: 2,
        tools: 2,
        agents: 1,
        input_tokens: 113,
        output_tokens: 225,
        unpriced: 4,
        uncounted: 1,
        // What the sub-agent did is its own.
        own_inference_calls: Some(2),
        own_tools: Some(1),
        ..Totals::default()
    };
    assert_eq!(totals(records.named("outer")), &outer);
    let inner = Totals {
        calls: 2,
        failed: 1,
        turns: 2,
        tools: 1,
        agents: 0,
        input_tokens: 10,
        output_tokens: 20,
        unpriced: 2,
        uncounted: 1,
        own_inference_calls: Some(2),
        own_tools: Some(1),
        ..Totals::default()
    };
    assert_eq!(totals(records.named("inner")), &inner);
    assert_eq!(records.named("search").totals, None);
}

#[test]
fn the_attempts_of_a_fallback_are_one_logical_call() {
    let recording = recording();
    recording.scope().run_sync(|| {
        step(StepKind::Agent, "agent", || {
            fallback("answer").run_sync(|| {
                ask("large", 503, "busy");
                ask("small", 200, "3 5");
            });
        });
    });
    let records = recording.observed();
    let logical = records.named("answer");
    assert_eq!(logical.step, Some(StepKind::Fallback));
    assert_eq!(logical.outcome, Some(Outcome::Completed));
    assert_eq!(logical.model.as_deref(), Some("small"));
    assert_eq!(logical.fallback.map(|place| (place.attempt, place.span_id)), Some((2, None)));
    assert_eq!((totals(logical).calls, totals(logical).failed), (2, 1));
    let places: Vec<_> = records.interactions().iter().map(|call| call.fallback).collect();
    let place = |attempt| Some(llmobs_core::FallbackAttempt { attempt, span_id: logical.span_id });
    assert_eq!(places, [place(1), place(2)]);
    assert_eq!(totals(records.named("agent")).turns, 1, "it asked once");
}

#[test]
fn a_fallback_that_was_of_no_use_failed_as_its_last_attempt_did() {
    let recording = recording();
    recording.scope().run_sync(|| {
        fallback("answer").run_sync(|| {
            ask("large", 503, "busy");
            ask("small", 429, "slow");
        });
    });
    let records = recording.observed();
    let logical = records.named("answer").assert_failed_with("429");
    assert_eq!(logical.model.as_deref(), Some("small"));
}

trait FailedWith {
    fn assert_failed_with(&self, kind: &str) -> &Self;
}

impl FailedWith for Record {
    #[track_caller]
    fn assert_failed_with(&self, kind: &str) -> &Self {
        assert_eq!(self.outcome, Some(Outcome::Failed));
        assert_eq!(self.error.as_ref().map(|error| &*error.kind), Some(kind));
        self
    }
}

#[test]
fn a_step_waits_for_the_answers_that_are_still_read() {
    let recording = recording();
    let (first, second) = recording.scope().run_sync(|| {
        step(StepKind::Workflow, "outer", || {
            step(StepKind::Agent, "inner", || {
                (answer(begin("m"), 200, "3 5"), answer(begin("m"), 200, "4 6"))
            })
        })
    });
    assert_eq!(recording.records(), [], "both wait");
    recording.clock().advance(std::time::Duration::from_millis(70));
    let mut second = second;
    second.end(BodyEnd::Complete);
    assert_eq!(recording.records().len(), 1, "one answer is still read");
    drop(first);
    let records = recording.observed();
    let names: Vec<_> = records.iter().map(|record| record.name.as_deref()).collect();
    assert_eq!(names, [None, None, Some("inner"), Some("outer")], "from the inside out");
    assert_eq!(totals(records.named("outer")).calls, 2);
    assert_eq!(records.named("inner").total_latency_ms, Some(0.0), "its end is its own");
}

#[test]
fn open_calls_are_counted_at_both_ends_however_they_end() {
    let recording = recording();
    let open = |recording: &Recording| {
        recording.recorder().flush(std::time::Duration::from_secs(20)).expect("it is flushed");
        let rows = recording.recorder().open_calls();
        let row = |row: &OpenCalls| {
            let provider = row.provider.as_deref().unwrap_or_default();
            format!("{} {} {}", row.operation, provider, row.calls)
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(open(&recording), [""; 0]);
    let calls = recording.scope().run_sync(|| (begin("m"), begin("m")));
    assert_eq!(open(&recording), ["chat somebody 2"]);
    drop(calls.0);
    assert_eq!(open(&recording), ["chat somebody 1"]);
    recording.scope().run_sync(|| ask("m", 200, "panic"));
    drop(calls.1);
    assert_eq!(open(&recording), ["chat somebody 0"]);
}

#[test]
fn a_call_that_is_lost_holds_nothing_up() {
    let recording = recording();
    recording.scope().run_sync(|| step(StepKind::Agent, "agent", || ask("m", 200, "panic")));
    let nothing = Totals { own_inference_calls: Some(0), own_tools: Some(0), ..Totals::default() };
    assert_eq!(totals(recording.observed().named("agent")), &nothing);
}

#[test]
fn a_shutdown_ends_what_waits() {
    let memory = llmobs_core::testing::Memory::default();
    let llmobs = llmobs_core::Builder::new()
        .decoder(Counting::default())
        .sink(memory.clone())
        .process_wide(false)
        .start()
        .expect("it starts");
    let inside = scope().recorder(llmobs.recorder());
    let tap = inside.run_sync(|| step(StepKind::Agent, "agent", || answer(begin("m"), 200, "3 ")));
    llmobs.shutdown(std::time::Duration::from_secs(10)).expect("nothing is left");
    let records = memory.take();
    let names: Vec<_> = records.iter().map(|record| record.name.as_deref()).collect();
    assert_eq!(names, [None, Some("agent")]);
    assert_eq!(records[0].outcome, Some(Outcome::Unfinished));
    assert_eq!(totals(&records[1]).calls, 1);
    drop(tap);
}

#[test]
fn a_fallback_nobody_waits_for_is_dropped() {
    let recording = recording();
    recording.scope().run_sync(|| drop(fallback("answer").run(std::future::pending::<()>())));
    assert_eq!(recording.observed().named("answer").outcome, Some(Outcome::Dropped));
}

#[test]
fn calls_below_a_tool_of_an_agent_in_a_fallback_are_attempts_of_nothing() {
    let recording = recording();
    recording.scope().run_sync(|| {
        fallback("answer").run_sync(|| {
            step(StepKind::Agent, "agent", || ask("m", 200, "1 1"));
        });
    });
    let records = recording.observed();
    assert_eq!(records.interactions()[0].fallback, None);
    assert_eq!(totals(records.named("answer")).calls, 1);
    assert_eq!(records.named("answer").fallback, None);
}

#[test]
fn costs_are_summed_up_in_one_currency_and_the_rest_is_counted() {
    let cost = |(currency, nanos): (&'static str, u64)| {
        let total = Amount::from_nanos(nanos).expect("it is small");
        Cost { currency: currency.into(), ..Cost::reported(total) }
    };
    let costs = [("USD", 5), ("EUR", 7), ("USD", 11)].map(cost);
    let recording = Recording::with(|builder| builder.decoder(Billing(costs.to_vec())));
    recording.scope().run_sync(|| {
        step(StepKind::Agent, "agent", || {
            for n in ["0", "1", "2", "none"] {
                ask(n, 200, "3 5");
            }
        });
    });
    let records = recording.observed();
    let agent = totals(records.named("agent"));
    assert_eq!((agent.cost.map(Amount::nanos), agent.currency.as_deref()), (Some(16), Some("USD")));
    assert_eq!(agent.unpriced, 2);
}

/// Reports the cost that the request asks for by its place.
#[derive(Debug)]
struct Billing(Vec<Cost>);

impl Decoder for Billing {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        Counting::default().route(target)
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        let n = std::str::from_utf8(body).ok().and_then(|n| n.parse::<usize>().ok());
        record.cost = n.and_then(|n| Some(Box::new(self.0.get(n)?.clone())));
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Counting::default())
    }
}
