//! Endpoints that take a part, ask for less, or for a pause: what is lost is what cannot be helped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use llmobs_core::testing::samples;
use llmobs_core::{Backoff, Batch, LossCause, Record, Sink, SinkError, SpanId};
use llmobs_otlp::{Compression, Otlp, OtlpSink};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

use crate::receiver::{Answer, Receiver, Request};
use crate::scene::{Scene, quick_call};

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() }
}

fn with(name: &'static str, value: &str, answer: Answer) -> Answer {
    Answer { headers: vec![(name, value.to_owned())], ..answer }
}

fn otlp(receiver: &Receiver) -> Otlp {
    receiver.receives_anything("ids are small numbers, the same for spans and their parents");
    Otlp::new().endpoint(&receiver.url()).expect("a URL")
}

fn sink(receiver: &Receiver) -> OtlpSink {
    otlp(receiver).sink().expect("a sink")
}

/// Calls whose spans are numbered from 1.
fn calls(n: u64) -> Vec<Arc<Record>> {
    let call = |n| Record { span_id: SpanId::new(n), ..samples::dropped() };
    (1..=n).map(|n| Arc::new(call(n))).collect()
}

fn offer(sink: &mut OtlpSink, records: &[Arc<Record>]) -> Result<(), SinkError> {
    sink.deliver(&Batch { records, meta: &samples::file_start() })
}

/// Refuses requests with these spans in them.
fn refuse(receiver: &Receiver, status: u16, bad: &'static [u64]) {
    receiver.rule(move |request| {
        let ids = request.span_ids();
        let found = ids.iter().find(|id| bad.contains(id))?;
        Some(answer(status, &format!(r#"{{"message":"span {found} is bad"}}"#)))
    });
}

/// Ids of the spans in requests that were taken, in order.
fn taken(receiver: &Receiver, refused: impl Fn(&Request) -> bool) -> Vec<u64> {
    let taken = receiver.requests().into_iter().filter(|request| !refused(request));
    let mut ids: Vec<_> = taken.flat_map(|request| request.span_ids()).collect();
    ids.sort_unstable();
    ids
}

fn has(bad: &[u64]) -> impl Fn(&Request) -> bool {
    move |request| request.span_ids().iter().any(|id| bad.contains(id))
}

/// How many of the records a result says were refused.
fn refused(result: Result<(), SinkError>) -> String {
    let err = result.expect_err("some are refused");
    assert!(!err.is_retryable());
    let debug = format!("{err:?}");
    let (_, after) = debug.split_once("refused: Some(").expect("a number");
    let (number, _) = after.split_once(')').expect("a number");
    format!("{number}: {err}")
}

#[test]
fn one_bad_span_is_lost_alone_and_found_in_few_requests() {
    for status in [400, 422] {
        let receiver = Receiver::start();
        refuse(&receiver, status, &[317]);
        let mut sink = sink(&receiver);
        let said = refused(offer(&mut sink, &calls(512)));
        assert_eq!(said, format!("1: the endpoint answered {status}: span 317 is bad"));
        let expected: Vec<_> = (1..=512).filter(|id| *id != 317).collect();
        assert_eq!(taken(&receiver, has(&[317])), expected, "each once");
        assert_eq!(receiver.requests().len(), 1 + 2 * 9);
        // The next batch is sent as a whole.
        offer(&mut sink, &calls(300)[..200]).expect("taken");
        assert_eq!(receiver.requests().len(), 1 + 2 * 9 + 1);
    }
}

#[test]
fn a_few_bad_spans_are_lost_alone() {
    const BAD: &[u64] = &[3, 4, 90];
    let receiver = Receiver::start();
    refuse(&receiver, 400, BAD);
    let said = refused(offer(&mut sink(&receiver), &calls(100)));
    assert!(said.starts_with("3: "), "{said}");
    assert_eq!(taken(&receiver, has(BAD)).len(), 97);
}

#[test]
fn an_endpoint_that_refuses_everything_is_not_asked_for_each_span() {
    let receiver = Receiver::start();
    receiver.rule(|_| Some(answer(400, "")));
    let mut sink = sink(&receiver);
    let said = refused(offer(&mut sink, &calls(512)));
    assert_eq!(said, "512: the endpoint answered 400");
    let first = receiver.requests().len();
    assert!(first < 100, "{first}");
    // It is known by now.
    refused(offer(&mut sink, &calls(512)));
    let second = receiver.requests().len() - first;
    assert!(second <= 21, "{second}");
}

#[test]
fn a_refusal_of_the_endpoint_is_not_searched_for() {
    for status in [401, 403, 404, 405, 415, 501] {
        let receiver = Receiver::start();
        receiver.rule(move |_| Some(answer(status, "")));
        refused(offer(&mut sink(&receiver), &calls(8)));
        assert_eq!(receiver.requests().len(), 1, "{status}");
    }
}

#[test]
fn requests_that_are_too_large_become_smaller_for_good() {
    let receiver = Receiver::start();
    receiver.rule(|request| (request.body.len() > 40_000).then(|| answer(413, "too large")));
    let mut sink = sink(&receiver);
    offer(&mut sink, &calls(512)).expect("all are taken");
    let too_large = |request: &Request| request.body.len() > 40_000;
    assert_eq!(taken(&receiver, too_large), (1..=512).collect::<Vec<_>>());
    let refusals = receiver.requests().iter().filter(|request| too_large(request)).count();
    assert!(refusals > 0);
    offer(&mut sink, &calls(512)).expect("all are taken");
    let more = receiver.requests().iter().filter(|request| too_large(request)).count();
    assert_eq!(more, refusals, "its size is known by now");
}

#[test]
fn one_span_that_is_too_large_is_lost_alone() {
    let receiver = Receiver::start();
    receiver.rule(|request| (request.body.len() > 40_000).then(|| answer(413, "too large")));
    let mut records = calls(9);
    let model = Some("m".repeat(50_000));
    records.push(Arc::new(Record { model, span_id: SpanId::new(10), ..samples::dropped() }));
    let said = refused(offer(&mut sink(&receiver), &records));
    assert_eq!(said, "1: the endpoint answered 413: too large");
    assert_eq!(taken(&receiver, has(&[10])), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_search_that_is_interrupted_goes_on_where_it_stopped() {
    let receiver = Receiver::start();
    refuse(&receiver, 400, &[7]);
    let mut sink = sink(&receiver);
    let records = calls(8);
    receiver.answer(answer(400, "")); // All of them.
    receiver.answer(Answer::default()); // The first half.
    receiver.answer(answer(503, "")); // The second.
    let err = offer(&mut sink, &records).expect_err("it was not taken");
    assert!(err.is_retryable());
    assert_eq!(err.already_taken(), 4);
    let said = refused(offer(&mut sink, &records[4..]));
    assert_eq!(said, "1: the endpoint answered 400: span 7 is bad");
    let sent: Vec<_> = receiver.requests().iter().map(Request::span_ids).collect();
    assert_eq!(sent[1], [1, 2, 3, 4]);
    assert_eq!((&sent[2], &sent[3]), (&vec![5, 6, 7, 8], &vec![5, 6, 7, 8]));
    assert_eq!(sent[4..], [vec![5, 6], vec![7, 8], vec![7], vec![8]]);
}

#[test]
fn a_batch_after_one_that_was_given_up_begins_at_its_beginning() {
    let receiver = Receiver::start();
    let mut sink = sink(&receiver);
    receiver.answer(answer(503, ""));
    offer(&mut sink, &calls(2)).expect_err("it was not taken");
    let later = &calls(4)[2..];
    offer(&mut sink, later).expect("taken");
    assert_eq!(receiver.requests()[1].span_ids(), [3, 4]);
}

#[test]
fn an_endpoint_without_gzip_is_sent_the_same_plain_from_then_on() {
    let refusals = [
        answer(415, ""),
        answer(400, "unsupported Content-Encoding: gzip"),
        // It takes the bytes for protobuf.
        answer(400, "invalid wire type"),
    ];
    for refusal in refusals {
        let receiver = Receiver::start();
        receiver.rule(move |request| request.is_compressed().then(|| refusal.clone()));
        let mut sink = otlp(&receiver).compression(Compression::Gzip).sink().expect("a sink");
        offer(&mut sink, &calls(4)).expect("taken");
        offer(&mut sink, &calls(3)).expect("taken");
        let compressed: Vec<_> = receiver.requests().iter().map(Request::is_compressed).collect();
        assert_eq!(compressed, [true, false, false]);
        let sent: Vec<_> = receiver.requests().iter().map(|r| r.span_ids().len()).collect();
        assert_eq!(sent, [4, 4, 3]);
    }
}

#[test]
fn what_a_compressed_request_is_refused_for_is_still_found() {
    let receiver = Receiver::start();
    refuse(&receiver, 400, &[2]);
    let mut sink = otlp(&receiver).compression(Compression::Gzip).sink().expect("a sink");
    let said = refused(offer(&mut sink, &calls(4)));
    assert_eq!(said, "1: the endpoint answered 400: span 2 is bad");
    offer(&mut sink, &calls(1)).expect("taken");
    assert!(receiver.requests().last().expect("one").is_compressed(), "it was not the gzip");
}

#[test]
fn retry_after_is_understood_in_seconds_and_as_a_date() {
    let receiver = Receiver::start();
    let mut sink = sink(&receiver);
    let mut pause = |value: &str| {
        receiver.answer(with("retry-after", value, answer(429, "slow down")));
        let err = offer(&mut sink, &calls(1)).expect_err("it was not taken");
        assert!(err.is_retryable());
        assert_eq!(err.to_string(), "the endpoint answered 429: slow down");
        let debug = format!("{err:?}");
        let (_, after) = debug.split_once("retry_after: ").expect("a field");
        after.split(['.', ',']).next().expect("a value").to_owned()
    };
    assert_eq!(pause("7"), "Some(7s)");
    let later = SystemTime::now() + Duration::from_secs(100_000);
    let later = pause(&httpdate::fmt_http_date(later));
    assert!(later.starts_with("Some(99") || later == "Some(100000s)", "{later}");
    assert_eq!(pause("Sun, 06 Nov 1994 08:49:37 GMT"), "Some(0ns)");
    assert_eq!(pause("soon"), "None");
}

#[test]
fn errors_are_told_in_one_line_of_the_servers_words() {
    let receiver = Receiver::start();
    let mut sink = otlp(&receiver).header("x-key", "Bearer s3cret-key").expect("a header");
    sink = sink.timeout(Duration::from_secs(20));
    let mut sink = sink.sink().expect("a sink");
    let mut message = |status, body: &str| {
        receiver.answer(answer(status, body));
        let err = offer(&mut sink, &calls(1)).expect_err("it was not taken");
        err.to_string().strip_prefix("the endpoint answered ").expect("its answer").to_owned()
    };
    let page = "<!DOCTYPE html>\n<html><head><TITLE>502 Bad\n Gateway</TITLE></head><body>x</body>";
    assert_eq!(message(502, page), "502: 502 Bad Gateway");
    assert_eq!(message(502, "<html><body>x</body></html>"), "502: an HTML page");
    assert_eq!(message(400, r#"{"message":"no"}"#), "400: no");
    assert_eq!(message(400, r#"{"error":"no"}"#), "400: no");
    assert_eq!(message(400, r#"{"error":{"code":7,"message":"no"}}"#), "400: no");
    assert_eq!(message(422, r#"{"detail":"no"}"#), "422: no");
    let detail = r#"{"detail":[{"loc":["header","x-id"],"msg":"Field required"},{"msg":"b"}]}"#;
    assert_eq!(message(422, detail), "422: x-id: Field required, b");
    assert_eq!(message(400, r#"{"other":1}"#), r#"400: {"other":1}"#);
    assert_eq!(message(404, "404 page\n\tnot found\u{7}\n"), "404: 404 page not found");
    assert_eq!(message(500, "  "), "500");
    assert_eq!(message(401, "s3cret-key is not known"), "401: … is not known");
    let long = message(400, &"é ".repeat(100_000));
    assert_eq!(long.chars().count(), "400: ".len() + 300 + 1, "{long}");
    let page = "<html><title>Log in</title></html>";
    let wrong = "200 with a web page, so it is not one for OTLP: Log in";
    assert_eq!(message(200, page), wrong);
}

/// `google.rpc.Status` with `google.rpc.BadRequest`, `ErrorInfo` and `RetryInfo` as details.
fn status(message: &str) -> Vec<u8> {
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let len = u8::try_from(bytes.len()).expect("it is short");
        [&[tag << 3 | 2, len], bytes].concat()
    }
    let any = |name: &str, value: &[u8]| {
        let url = field(1, format!("type.googleapis.com/google.rpc.{name}").as_bytes());
        field(3, &[url, field(2, value)].concat())
    };
    let violation = [field(1, b"spans[3]"), field(2, b"has no id")].concat();
    let details = [
        any("BadRequest", &field(1, &violation)),
        any("ErrorInfo", &field(1, b"QUOTA")),
        any("RetryInfo", &field(1, &[1 << 3, 4])),
        any("Unknown", b"\xff\xff"),
    ];
    [field(2, message.as_bytes()), details.concat()].concat()
}

#[test]
fn a_status_is_told_with_its_details() {
    let receiver = Receiver::start();
    let mut sink = sink(&receiver);
    for (message, expected) in
        [("no", "no (spans[3]: has no id) (QUOTA)"), ("", "spans[3]: has no id (QUOTA)")]
    {
        let refusal = Answer { body: status(message), ..answer(503, "") };
        receiver.answer(with("content-type", "application/x-protobuf", refusal));
        let err = offer(&mut sink, &calls(1)).expect_err("it was not taken");
        assert_eq!(err.to_string(), format!("the endpoint answered 503: {expected}"));
        assert!(format!("{err:?}").contains("retry_after: Some(4s)"), "{err:?}");
    }
}

/// A server of its own that reads a request and then does this with the connection.
fn server(then: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 64 << 10]);
            then(stream);
        }
    });
    addr
}

fn sink_to(addr: SocketAddr, timeout: Duration) -> OtlpSink {
    let otlp = Otlp::new().endpoint(&format!("http://{addr}")).expect("a URL");
    otlp.timeout(timeout).sink().expect("a sink")
}

#[test]
fn a_connection_that_is_closed_without_an_answer_is_tried_again() {
    let mut sink = sink_to(server(drop), Duration::from_secs(20));
    let err = offer(&mut sink, &calls(1)).expect_err("no answer");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the connection to the endpoint broke");
}

/// Writes for as long as anybody reads.
fn endless(mut stream: TcpStream, head: &str, piece: &[u8], pause: Duration) {
    let mut written = stream.write_all(head.as_bytes());
    while written.is_ok() {
        std::thread::sleep(pause);
        written = stream.write_all(piece);
    }
}

#[test]
fn an_endless_answer_is_bounded_in_time_and_bytes() {
    let trickle = server(|stream| {
        endless(stream, "HTTP/1.1 400 No\r\n\r\n", b"x", Duration::from_millis(10));
    });
    let err = offer(&mut sink_to(trickle, Duration::from_millis(100)), &calls(1));
    let err = err.expect_err("refused");
    assert!(err.to_string().starts_with("the endpoint answered 400"), "{err}");
    let flood = server(|stream| {
        endless(stream, "HTTP/1.1 500 No\r\n\r\n", &[b'x'; 1 << 16], Duration::ZERO);
    });
    let err = offer(&mut sink_to(flood, Duration::from_secs(60)), &calls(1));
    let err = err.expect_err("refused").to_string();
    assert!(err.len() < 400 && err.starts_with("the endpoint answered 500: xxx"), "{err}");
    // What was taken is not sent again because its answer does not end.
    let taken = server(|stream| {
        endless(stream, "HTTP/1.1 200 OK\r\n\r\n", &[0], Duration::from_millis(10));
    });
    offer(&mut sink_to(taken, Duration::from_millis(100)), &calls(1)).expect("taken");
}

fn partial(rejected_spans: i64, message: &str) -> Answer {
    let error_message = message.to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    Answer { body, ..Answer::default() }
}

/// Whether a request has a span with this name.
fn names(request: &Request, name: &str) -> bool {
    let request: ExportTraceServiceRequest = request.decoded();
    let resources = request.resource_spans.iter();
    let mut spans = resources.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
    spans.any(|span| span.name == name)
}

#[test]
fn every_record_is_delivered_or_lost_by_a_cause_whatever_the_endpoint_does() {
    const REFUSED: LossCause = LossCause::SinkRefused;
    const FAILED: LossCause = LossCause::SinkFailed;
    const N: u64 = 8;
    const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    type Case = (&'static str, fn(&Receiver), fn(u64) -> u64, LossCause);
    // How many are lost may depend on how many were in the first request.
    let cases: [Case; 13] = [
        (
            "one bad span",
            |r| r.rule(|r| names(r, "chat bad").then(|| answer(400, "no"))),
            |_| 1,
            REFUSED,
        ),
        ("400 for all", |r| r.rule(|_| Some(answer(400, "no"))), |_| N, REFUSED),
        (
            "too large",
            |r| r.rule(|r| (r.span_ids().len() > 1).then(|| answer(413, ""))),
            |_| 0,
            REFUSED,
        ),
        ("no gzip", |r| r.rule(|r| r.is_compressed().then(|| answer(415, ""))), |_| 0, REFUSED),
        ("unauthorized", |r| r.rule(|_| Some(answer(401, ""))), |_| N, REFUSED),
        ("429", |r| r.answer(with("retry-after", "0", answer(429, ""))), |_| 0, REFUSED),
        (
            "429 until a date",
            |r| r.answer(with("retry-after", LONG_AGO, answer(429, ""))),
            |_| 0,
            REFUSED,
        ),
        ("503 for good", |r| r.rule(|_| Some(answer(503, ""))), |_| N, FAILED),
        ("HTML", |r| r.answer(answer(502, "<html>no</html>")), |_| 0, REFUSED),
        ("partial, empty", |r| r.answer(partial(0, "")), |_| 0, REFUSED),
        ("partial, a word", |r| r.answer(partial(0, "old client")), |_| 0, REFUSED),
        ("partial, two", |r| r.answer(partial(2, "too old")), |first| first.min(2), REFUSED),
        ("partial, nonsense", |r| r.answer(partial(1_000, "")), |first| first, REFUSED),
    ];
    for (name, arrange, lost, cause) in cases {
        let scene = Scene::with(
            |otlp| otlp.compression(Compression::Gzip),
            |builder| {
                let soon = Duration::from_millis(1);
                builder.backoff(Backoff::new().offers(3).first_pause(soon).longest_pause(soon))
            },
        );
        arrange(&scene.receiver);
        quick_call(scene.recorder(), "bad");
        (1..N).for_each(|_| quick_call(scene.recorder(), "m"));
        let flushed = scene.recorder().flush(Duration::from_secs(20));
        let first = scene.receiver.requests()[0].span_ids().len() as u64;
        let (account, lost) = (scene.recorder().losses().sinks[1].clone(), lost(first));
        let counted = account.lost.get(&cause).copied().unwrap_or_default();
        // A recorder that does not give up keeps what an endpoint that is down may take later.
        let waiting = if cause == FAILED { account.waiting } else { 0 };
        assert_eq!(account.waiting, waiting, "{name}: {account:?}");
        assert_eq!(counted + waiting, lost, "{name}: {account:?}");
        assert_eq!(account.delivered, N - lost, "{name}: {account:?}");
        assert_eq!(account.lost.values().sum::<u64>(), counted, "{name}: {account:?}");
        assert_eq!(flushed.is_err(), lost > 0, "{name}");
    }
}
