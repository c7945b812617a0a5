//! Exchanges that are over.

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, Capture, Closing, DecodeError, Decoder, Event, EventFacts, Exchange, Fold, Headers,
    Limits, Offline, Outcome, Record, Route, Target,
};

/// Reads the body, or the events, as a model's name; panics over a request that asks for it.
#[derive(Debug, Default)]
struct Echo(String);

impl Decoder for Echo {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        assert_ne!(target.path, "/panic", "asked for");
        let route = Route { operation: "chat", api: "echo", provider: None };
        (target.path == "/echo").then_some(route)
    }

    fn request(&self, _: &Route, body: &[u8], capture: Capture, record: &mut Record) {
        assert_ne!(body, b"panic", "asked for");
        record.model =
            (capture == Capture::ALL).then(|| String::from_utf8_lossy(body).into_owned());
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Echo {
    fn headers(&mut self, _: u16, headers: &Headers<'_>) {
        self.0 += headers.get("x-model").unwrap_or_default();
        assert_eq!(headers.get("authorization"), None, "secrets are not kept");
    }

    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        assert_ne!(event.data, b"panic", "asked for");
        self.0 += &String::from_utf8_lossy(event.data);
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        assert_ne!(body, b"panic", "asked for");
        self.0 += &String::from_utf8_lossy(body);
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.model_version = Some(self.0);
        Closing::default()
    }
}

fn exchange<'a>(path: &'a str, request: &'static str) -> Exchange<'a> {
    Exchange {
        target: Target { method: "POST", host: "models.test", port: Some(8080), path },
        request: Bytes::from(request),
        status: 200,
        headers: &[("x-model", "big:"), ("authorization", "secret")],
        end: BodyEnd::Complete,
    }
}

fn whole(body: &'static str) -> [Bytes; 1] {
    [Bytes::from(body)]
}

#[test]
fn a_record_is_as_of_a_live_call_but_for_times_and_ids() {
    let exchange = exchange("/echo", "small");
    let stream = "data: a\n\ndata: b\n\ndata: c\n\n: end\n\n";
    let record = Offline::new(Echo::default(), Capture::ALL)
        .decode(&exchange, whole(stream))
        .expect("it can be read");
    assert_eq!(record.model.as_deref(), Some("small"));
    assert_eq!(record.model_version.as_deref(), Some("big:abc"));
    assert_eq!(record.outcome, Some(Outcome::Interrupted), "it has no end marker");
    let wire = record.wire.as_ref().expect("a stream");
    assert_eq!((wire.first_token_event, wire.last_token_event), (Some(0), Some(2)));

    let recording =
        Recording::with(|builder| builder.decoder(Echo::default()).capture(Capture::ALL));
    let start = llmobs_core::CallStart {
        target: exchange.target,
        body: Some(exchange.request.clone()),
        body_len: None,
    };
    let call = recording.recorder().call(start).expect("it is observed");
    let headers = exchange.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let mut tap = call.handle().attempt().headers(200, headers);
    call.returned();
    tap.data(&Bytes::from(stream));
    tap.end(BodyEnd::Complete);
    let live = recording.records().pop().expect("a record");
    let live = Record {
        request_id: None,
        trace_id: None,
        span_id: None,
        timestamp: None,
        ttft_ms: None,
        total_latency_ms: None,
        latency: None,
        attempts: None,
        ..live
    };
    assert_eq!(record, live);
}

#[test]
fn nothing_is_told_of_times() {
    let mut offline = Offline::new(Echo::default(), Capture::ALL);
    let body = "data: a\n\n".repeat(50).into_bytes();
    let pieces: Vec<_> = body.chunks(9).map(Bytes::copy_from_slice).collect();
    let record = offline.decode(&exchange("/echo", ""), pieces).expect("it can be read");
    let line = serde_json::to_value(&record).expect("records are JSON");
    let fields = line.as_object().expect("an object").keys();
    let told: Vec<_> = fields.filter(|it| it.ends_with("_ms") || it.ends_with("_id")).collect();
    assert_eq!(told, Vec::<&String>::new());
    for field in ["latency", "timestamp", "attempts"] {
        assert!(line.get(field).is_none(), "{field}");
    }
}

#[test]
fn a_scope_that_is_open_here_does_not_matter() {
    let recording = Recording::new();
    let scope = recording.scope().session("s").capture(Capture::ALL);
    let mut offline = Offline::new(Echo::default(), Capture::NONE);
    let decode = || offline.decode(&exchange("/echo", "small"), whole("x"));
    let record = scope.run_sync(decode).expect("it can be read");
    assert_eq!((record.session_id, record.model), (None, None));
    assert_eq!(recording.records().len(), 0);
}

#[test]
fn a_decoder_that_panics_costs_that_exchange_only() {
    let mut offline = Offline::new(Echo::default(), Capture::NONE);
    for (path, request, body) in [
        ("/echo", "panic", "x"),
        ("/echo", "", "panic"),
        ("/echo", "", "data: panic\n\ndata: x\n\n"),
    ] {
        let failed = offline.decode(&exchange(path, request), whole(body));
        assert_eq!(failed, Err(DecodeError::Panicked));
        let next = offline.decode(&exchange("/echo", ""), whole("x")).expect("it can be read");
        assert_eq!(next.model_version.as_deref(), Some("big:x"));
    }
    // A decoder that cannot even say whether an exchange is its own leaves it to nobody.
    for path in ["/panic", "/other"] {
        let lost = offline.decode(&exchange(path, ""), whole("x"));
        assert_eq!(lost, Err(DecodeError::UnknownFormat));
    }
}

#[test]
fn a_body_that_breaks_off_in_the_hand_costs_that_exchange_only() {
    let mut offline = Offline::new(Echo::default(), Capture::NONE);
    let pieces = (0..3).map(|n| {
        assert_ne!(n, 2, "it breaks off");
        Bytes::from("data: a\n\n".repeat(10_000))
    });
    assert_eq!(offline.decode(&exchange("/echo", ""), pieces), Err(DecodeError::Panicked));
    let next = offline.decode(&exchange("/echo", ""), whole("x")).expect("it can be read");
    assert_eq!(next.model_version.as_deref(), Some("big:x"));
}

#[test]
fn what_is_too_large_is_cut_the_same_however_it_comes() {
    let mut limits = Limits::default();
    (limits.body_bytes, limits.event_bytes) = (1_000, 1_000);
    let mut offline = Offline::with_limits(Echo::default(), Capture::NONE, limits);
    for start in ["", " \n", "data: a\n\ndata: ", "\n data: "] {
        let body = start.to_owned() + &"x".repeat(200_000);
        let mut cut = |piece| {
            let pieces: Vec<_> =
                body.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
            offline.decode(&exchange("/echo", ""), pieces).expect("it can be read")
        };
        let whole = cut(body.len());
        let missing = whole.cut.as_ref().and_then(|cut| cut.response_body.clone());
        let missing = missing.expect("it was cut").missing;
        assert!((200_000..200_010).contains(&missing), "{missing}");
        for piece in [1, 7, 999, 1_000, 1_001, 4_096, 65_536] {
            assert_eq!(cut(piece), whole, "{start:?} in pieces of {piece}");
        }
    }
}
