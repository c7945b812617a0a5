//! One thing of the application's that panics in one place, each time, with a payload that panics in
//! turn as it is dropped.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::{CountingIds, FakeClock, Memory};
use llmobs_core::{
    Attempt, AttemptDetail, Backoff, Batch, BodyEnd, Builder, CallStart, Capture, Clock, Closing,
    Decoder, Event, EventFacts, Fold, Found, Headers, Ids, Innermost, LocalBackend, LossCause,
    Losses, OpenSpan, Processor, Record, Recorder, Redact, RequestId, Route, Rule, Sink, SinkError,
    SpanId, SpanStart, Step, StepKind, TailSampling, Target, Timestamp, TraceBackend, TraceId,
    Verdict,
};

use super::{LONG, exact};

/// Where it panics.
#[derive(Clone, Debug)]
struct Rogue(&'static str, Arc<AtomicU64>);

/// What it panics with.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new(Nested));
    }
}

struct Nested;

impl Drop for Nested {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("and again"));
    }
}

impl Rogue {
    fn at(&self, place: &str) {
        if self.0.split(' ').any(|here| here == place) {
            self.1.fetch_add(1, Ordering::SeqCst);
            std::panic::resume_unwind(Box::new(Bomb));
        }
    }
}

/// The same as a sink, and so on: each panics as it is dropped, if that is the place.
macro_rules! parts {
    ($($part:ident $place:literal),*) => {$(
        #[derive(Debug)]
        struct $part(Rogue);
        impl Drop for $part {
            fn drop(&mut self) {
                self.0.at($place);
            }
        }
    )*};
}

parts!(
    ASink "sink.drop", ARule "rule.drop", AClock "clock.drop", SomeIds "ids.drop",
    ABackend "backend.drop", ADecoder "decoder.drop", AFold "fold.drop", AHook "hook.drop",
    AnError "error.drop", AHandle "handle.drop"
);

impl std::fmt::Display for AnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error")
    }
}

impl std::error::Error for AnError {}

impl Sink for ASink {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        self.0.at("sink.deliver");
        if self.0.0 == "error.drop" {
            return Err(SinkError::permanent("no").caused_by(AnError(self.0.clone())));
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.at("sink.flush");
        Ok(())
    }
    fn name(&self) -> &str {
        self.0.at("sink.name");
        "rogue"
    }
}

impl Processor for ARule {
    fn started(&mut self, _: &Recorder) {
        self.0.at("rule.started");
    }
    fn process(&mut self, _: &mut Record) -> Verdict {
        self.0.at("rule.process");
        Verdict::Keep
    }
    fn flush(&mut self) {
        self.0.at("rule.flush");
    }
    fn name(&self) -> &str {
        self.0.at("rule.name");
        "rogue"
    }
}

impl Clock for AClock {
    fn elapsed(&self) -> u64 {
        self.0.at("clock.elapsed");
        7
    }
    fn now(&self) -> Timestamp {
        self.0.at("clock.now");
        FakeClock::default().now()
    }
}

impl Ids for SomeIds {
    fn trace_id(&self) -> TraceId {
        self.0.at("ids.trace_id");
        CountingIds::default().trace_id()
    }
    fn span_id(&self) -> SpanId {
        self.0.at("ids.span_id");
        CountingIds::default().span_id()
    }
    fn request_id(&self, now: Timestamp) -> RequestId {
        self.0.at("ids.request_id");
        RequestId::new(now, 7)
    }
}

impl TraceBackend for ABackend {
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
        self.0.at("backend.start");
        let mut span = LocalBackend::span(start);
        span.handle = Some(Arc::new(AHandle(self.0.clone())));
        span
    }
    fn current(&self, innermost: &Innermost<'_>) -> Option<OpenSpan> {
        self.0.at("backend.current");
        innermost.open()
    }
    fn attach(&self, _: &OpenSpan, run: &mut dyn FnMut()) {
        self.0.at("backend.attach");
        run();
        self.0.at("backend.detach");
    }
    fn finish(&self, _: OpenSpan, _: Option<&Record>) {
        self.0.at("backend.finish");
    }
    fn mode(&self) -> Option<&'static str> {
        self.0.at("backend.mode");
        None
    }
}

impl Decoder for ADecoder {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        self.0.at("decoder.route");
        Some(Route { operation: "chat", api: "rogue", provider: None })
    }
    fn deployment<'a>(&self, _: &Target<'a>) -> Option<&'a str> {
        self.0.at("decoder.deployment");
        None
    }
    fn counts(&self, _: &Route, _: Option<&str>) -> bool {
        self.0.at("decoder.counts");
        false
    }
    fn wants(&self, _: &str) -> bool {
        self.0.at("decoder.wants");
        true
    }
    fn request(&self, _: &Route, _: &[u8], _: Capture, record: &mut Record) {
        self.0.at("decoder.request");
        let details = AttemptDetail::default();
        record.attempt_details = vec![details];
        record.content.get_or_insert_default().query = Some("what?".into());
    }
    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        self.0.at("decoder.fold");
        Box::new(AFold(self.0.clone()))
    }
}

impl Fold for AFold {
    fn headers(&mut self, _: u16, _: &Headers<'_>) {
        self.0.at("fold.headers");
    }
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        self.0.at("fold.event");
        EventFacts { output: true, ..EventFacts::default() }
    }
    fn body(&mut self, _: &[u8]) -> bool {
        true
    }
    fn forget(&mut self) {
        self.0.at("fold.forget");
    }
    fn finish(self: Box<Self>, _: &mut Record) -> Closing {
        self.0.at("fold.finish");
        Closing { complete: true, ..Closing::default() }
    }
}

/// Steps and calls of a run, each.
const EACH: u64 = 3;

fn start(rogue: &Rogue, memory: &Memory) -> llmobs_core::Llmobs {
    let (found, ruled, mut hooked) = (rogue.clone(), rogue.clone(), Some(AHook(rogue.clone())));
    let detector = move |_: &str, _: &mut Found<'_>| found.at("detector");
    let rule = Rule::matching("rogue", move |_: &Record| {
        ruled.at("sampling");
        true
    });
    Builder::new()
        .process_wide(false)
        .backoff(Backoff::new().first_pause(Duration::ZERO))
        .capture(Capture::ALL)
        .sink(ASink(rogue.clone()))
        .sink(memory.clone())
        .processor(ARule(rogue.clone()))
        .processor(ARule(rogue.clone()))
        .clock(AClock(rogue.clone()))
        .ids(SomeIds(rogue.clone()))
        .backend(ABackend(rogue.clone()))
        .decoder(ADecoder(rogue.clone()))
        .redact(Redact::all().detector("own", detector))
        .tail_sampling(TailSampling::new(1.0).keep(rule))
        .on_loss(move |_| {
            if let Some(hook) = hooked.as_mut() {
                hook.0.at("hook");
            }
        })
        .start()
        .expect("threads")
}

fn call(llmobs: &Recorder) {
    let target = Target { method: "POST", host: "localhost", port: None, path: "/" };
    let body = Some(Bytes::from_static(b"{}"));
    let Some(call) = llmobs.call(CallStart { target, body, body_len: None }) else { return };
    let mut inside = 0;
    call.attach(&mut || inside += 1);
    assert_eq!(inside, 1, "what runs inside runs once");
    let attempt: Attempt = call.handle().attempt();
    let headers = [("x-a", b"b".as_slice()), ("content-type", b"text/event-stream".as_slice())];
    let mut tap = attempt.headers(200, headers.into_iter());
    call.returned();
    tap.data(&Bytes::from_static(b"data: one\n\ndata: two\n\n"));
    tap.end(BodyEnd::Complete);
}

/// Observes with everything there is, which panics in one place; gives what came of it.
fn run(place: &'static str) -> (Losses, usize, u64) {
    let (rogue, memory) = (Rogue(place, Arc::default()), Memory::default());
    let llmobs = start(&rogue, &memory);
    for _ in 0..EACH {
        let mut ran = 0;
        llmobs_core::scope().recorder(&llmobs).run_sync(|| {
            let step = Step::start(StepKind::Tool, Cow::Borrowed("step"));
            step.run_sync(|| ran += 1);
            let _ = llmobs_core::Scope::current();
            step.end();
        });
        assert_eq!(ran, 1, "{place}");
        call(&llmobs);
    }
    if place == "fold.forget" {
        let target = Target { method: "POST", host: "localhost", port: None, path: "/" };
        let call = llmobs.call(CallStart { target, body: None, body_len: None });
        let call = call.expect("there is room");
        let mut tap = call.handle().attempt().headers(200, std::iter::empty());
        tap.data(&Bytes::from(vec![b'x'; 10_000]));
        llmobs.forbid_content(true);
        let _ = llmobs.flush(LONG);
        drop((tap, call));
    }
    let _ = llmobs.flush(LONG);
    exact(&llmobs);
    let _ = llmobs.shutdown(LONG);
    let losses = exact(&llmobs);
    drop(llmobs);
    (losses, memory.records().len(), rogue.1.load(Ordering::SeqCst))
}

#[test]
fn whatever_of_the_applications_panics_costs_what_it_was_about_and_nothing_else() {
    use LossCause::{Panicked, SinkPanicked, SinkRefused};
    const ALL: u64 = 2 * EACH;
    // Where; what is lost before it is a record; what the sink that is a rogue loses.
    let cases: &[(&str, u64, Option<LossCause>)] = &[
        ("nowhere", 0, None),
        ("sink.deliver", 0, Some(SinkPanicked)),
        ("sink.flush", 0, None),
        ("sink.name", 0, None),
        ("sink.drop", 0, None),
        ("error.drop", 0, Some(SinkRefused)),
        ("rule.started", 0, None),
        ("rule.process", ALL, None),
        ("rule.flush", 0, None),
        ("rule.name", 0, None),
        ("rule.drop", 0, None),
        ("clock.elapsed", 0, None),
        ("clock.now", 0, None),
        ("clock.drop", 0, None),
        ("ids.trace_id", ALL, None),
        ("ids.span_id", ALL, None),
        ("ids.request_id", EACH, None),
        ("ids.drop", 0, None),
        ("backend.start", ALL, None),
        ("backend.current", 0, None),
        ("backend.attach", 0, None),
        ("backend.detach", 0, None),
        ("backend.finish", 0, None),
        ("backend.mode", 0, None),
        ("backend.drop", 0, None),
        ("handle.drop", 0, None),
        ("decoder.deployment", 0, None),
        ("decoder.counts", EACH, None),
        ("decoder.wants", 0, None),
        ("decoder.request", EACH, None),
        ("decoder.fold", EACH, None),
        ("decoder.drop", 0, None),
        ("fold.headers", EACH, None),
        ("fold.event", EACH, None),
        ("fold.forget", 1, None),
        ("fold.finish", EACH, None),
        ("fold.drop", EACH, None),
        ("fold.event fold.drop", EACH, None),
        ("detector", 0, None),
        ("sampling", 0, None),
    ];
    for (place, lost, of_sink) in cases {
        let (losses, delivered, panics) = run(place);
        let at = format!("{place}: {losses:?}");
        assert_eq!(panics > 0, *place != "nowhere", "{at}");
        assert_eq!(losses.open, 0, "{at}");
        assert_eq!(losses.lost.values().sum::<u64>(), *lost, "{at}");
        assert_eq!(losses.lost.get(&Panicked).copied().unwrap_or_default(), *lost, "{at}");
        let [rogue, memory] = &losses.sinks[..] else { unreachable!("two sinks") };
        assert_eq!((memory.delivered, memory.waiting), (losses.recorded, 0), "{at}");
        assert_eq!(delivered as u64, losses.recorded, "{at}");
        assert_eq!(rogue.waiting, 0, "{at}");
        match of_sink {
            None => assert_eq!(rogue.delivered, losses.recorded, "{at}"),
            Some(cause) => {
                assert_eq!(rogue.lost.values().sum::<u64>(), losses.recorded, "{at}");
                assert!(rogue.lost.contains_key(cause), "{at}");
            }
        }
    }
}

#[test]
fn an_exchange_over_which_a_route_panics_is_not_observed() {
    let (losses, delivered, panics) = run("decoder.route");
    assert_eq!((losses.accepted, delivered as u64, losses.total()), (EACH, EACH, 0));
    assert_eq!(panics, EACH);
}

#[test]
fn a_hook_that_panics_is_told_of_the_next_losses_all_the_same() {
    for place in ["hook", "hook.drop"] {
        let rogue = Rogue(place, Arc::default());
        let memory = Memory::default();
        let mut hook = Some(AHook(rogue.clone()));
        let llmobs = Builder::new()
            .process_wide(false)
            .sink(ASink(Rogue("sink.deliver", Arc::default())))
            .sink(memory.clone())
            .on_loss(move |_| {
                if let Some(hook) = hook.as_mut() {
                    hook.0.at("hook");
                }
            })
            .start()
            .expect("threads");
        llmobs.record(Record::default());
        let _ = llmobs.flush(LONG);
        let _ = llmobs.shutdown(LONG);
        exact(&llmobs);
        drop(llmobs);
        assert!(rogue.1.load(Ordering::SeqCst) > 0, "{place}");
    }
}
