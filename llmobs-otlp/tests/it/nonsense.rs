//! Endpoints that never answer, answer slowly, or answer nonsense: every record has its account, a
//! flush and a shutdown come back, and other sinks notice nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use llmobs_core::testing::{Memory, samples};
use llmobs_core::{Backoff, Builder, LossCause, Losses, Record, SpanId};
use llmobs_otlp::{Otlp, Protocol};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(20);
const N: u64 = 8;

/// A server that does this with each connection, on a thread for each.
fn server(then: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("its address");
    let then = Arc::new(then);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, then) = (stream.expect("a connection"), Arc::clone(&then));
            std::thread::spawn(move || then(stream));
        }
    });
    addr
}

/// Reads what has come of a request.
fn read(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 64 << 10]);
}

/// Reads a request and says this, then nothing more.
fn says(text: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        read(&mut stream);
        let _ = stream.write_all(text);
        let _ = stream.shutdown(Shutdown::Write);
        while stream.read(&mut [0; 4 << 10]).is_ok_and(|read| read > 0) {}
    }
}

/// Reads a request, says this, and then that for as long as anybody reads.
fn goes_on(
    head: &'static [u8],
    piece: &'static [u8],
    pause: Duration,
) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        read(&mut stream);
        let mut written = stream.write_all(head);
        while written.is_ok() {
            std::thread::sleep(pause);
            written = stream.write_all(piece);
        }
    }
}

/// What has become of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Taken,
    Refused,
    /// They wait until the end.
    Waited,
}

/// Sends a few records there, and gives the account of it.
fn account(addr: SocketAddr, protocol: Protocol, shutdown: Duration) -> (Losses, u64) {
    let otlp = Otlp::new().traces_endpoint(&format!("http://{addr}/v1/traces")).expect("a URL");
    let otlp = otlp.timeout(Duration::from_millis(100)).protocol(protocol).expect("it is built");
    let (soon, memory) = (Duration::from_millis(1), Memory::default());
    let backoff = Backoff::new().offers(2).first_pause(soon).longest_pause(soon);
    let builder = Builder::new().process_wide(false).backoff(backoff).sink(memory.clone());
    let llmobs = otlp.install(builder).start().expect("threads");
    for n in 1..=N {
        llmobs.record(Record { span_id: SpanId::new(n), ..samples::dropped() });
    }
    // Down, taken or refused: in no case is it waited for without an end.
    let _ = llmobs.flush(LONG);
    let before = llmobs.losses();
    assert_eq!(before.sinks[0].delivered, before.recorded, "others are not held up");
    let _ = llmobs.shutdown(shutdown);
    let mut losses = llmobs.losses();
    let began = std::time::Instant::now();
    while losses.sinks[1].waiting > 0 && began.elapsed() < LONG {
        std::thread::yield_now();
        losses = llmobs.losses();
    }
    (losses, memory.records().len() as u64)
}

#[track_caller]
fn check(name: &str, addr: SocketAddr, protocol: Protocol, came: Came) {
    // What is taken or refused is so before the end.
    let shutdown = if came == Came::Waited { Duration::from_millis(50) } else { LONG };
    let (losses, in_memory) = account(addr, protocol, shutdown);
    let at = format!("{name}: {losses:?}");
    assert_eq!((losses.open, losses.accepted), (0, losses.recorded), "{at}");
    assert!(losses.recorded >= N, "{at}");
    assert_eq!(in_memory, losses.sinks[0].delivered, "{at}");
    for sink in &losses.sinks {
        let lost: u64 = sink.lost.values().sum();
        assert_eq!(sink.delivered + lost + sink.waiting, losses.recorded, "{at}");
    }
    let sink = &losses.sinks[1];
    let lost = |cause| sink.lost.get(&cause).copied().unwrap_or_default();
    assert_eq!(sink.waiting, 0, "{at}");
    // A report of what was lost is no span, and taken.
    match came {
        Came::Taken => assert_eq!(sink.lost.len(), 0, "{at}"),
        Came::Refused => assert_eq!(lost(LossCause::SinkRefused), N, "{at}"),
        Came::Waited => assert!(lost(LossCause::SinkTooSlow) >= N, "{at}"),
    }
}

const SLOW: Duration = Duration::from_millis(20);

type Case = (&'static str, SocketAddr, Came);

/// What is wrong at any protocol.
fn at_all() -> Vec<Case> {
    use Came::Waited;
    const GARBAGE: &[u8] = b"\x16\x03\x01\x00\xff\xff\0\0garbage\r\n\r\n\x00\x01\x02";
    vec![
        ("closes at once", server(drop), Waited),
        ("closes when it has read", server(|mut stream| read(&mut stream)), Waited),
        (
            "never reads, never answers",
            server(|stream| {
                std::thread::sleep(LONG);
                drop(stream);
            }),
            Waited,
        ),
        (
            "reads and never answers",
            server(|mut stream| while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}),
            Waited,
        ),
        ("garbage", server(says(GARBAGE)), Waited),
        ("endless garbage", server(goes_on(GARBAGE, &[0xff; 4096], Duration::ZERO)), Waited),
        ("a TLS alert", server(says(b"\x15\x03\x03\x00\x02\x02\x28")), Waited),
        ("a few bytes a second", server(goes_on(b"H", b"T", SLOW)), Waited),
    ]
}

#[test]
fn over_http_each_record_has_its_account_whatever_is_answered() {
    use Came::{Refused, Taken, Waited};
    let zero = Duration::ZERO;
    let cases: Vec<Case> = vec![
        ("no headers at all", server(says(b"<html>hello</html>")), Waited),
        ("half a status line", server(says(b"HTTP/1.1 20")), Waited),
        ("no such status", server(says(b"HTTP/1.1 999999 Odd\r\n\r\n")), Waited),
        ("a head byte by byte", server(goes_on(b"HTTP/1.1 200 OK\r\nx: ", b"x", SLOW)), Waited),
        (
            "endless headers",
            server(goes_on(b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n", zero)),
            Waited,
        ),
        (
            "one endless header",
            server(goes_on(b"HTTP/1.1 200 OK\r\nx: ", &[b'x'; 4096], zero)),
            Waited,
        ),
        (
            "endless interim answers",
            server(goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n", zero)),
            Waited,
        ),
        (
            "half an answer",
            server(says(b"HTTP/1.1 503 No\r\ncontent-length: 100\r\n\r\nhalf")),
            Waited,
        ),
        (
            "a redirect to itself",
            server(says(b"HTTP/1.1 307 Back\r\nlocation: /v1/traces\r\ncontent-length: 0\r\n\r\n")),
            Refused,
        ),
        (
            "a redirect elsewhere",
            server(says(
                b"HTTP/1.1 302 Off\r\nlocation: http://a.invalid/\r\ncontent-length: 0\r\n\r\n",
            )),
            Refused,
        ),
        ("not modified", server(says(b"HTTP/1.1 304 Same\r\n\r\n")), Refused),
        (
            "switching protocols",
            server(says(b"HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")),
            Refused,
        ),
        ("no content", server(says(b"HTTP/1.1 204 Fine\r\n\r\n")), Taken),
        (
            "a web page",
            server(says(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>hello</html>")),
            Refused,
        ),
        (
            "another type",
            server(says(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n\x89PNG")),
            Taken,
        ),
        (
            "chunks that are none",
            server(says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")),
            Taken,
        ),
        (
            "half of what was promised",
            server(says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")),
            Taken,
        ),
        ("an endless body", server(goes_on(b"HTTP/1.1 200 OK\r\n\r\n", &[0; 4096], zero)), Taken),
        ("a body byte by byte", server(goes_on(b"HTTP/1.1 200 OK\r\n\r\n", b"\0", SLOW)), Taken),
        ("an old answer", server(says(b"HTTP/1.0 200 OK\r\n\r\n")), Taken),
        (
            "a pause without an end",
            server(says(b"HTTP/1.1 429 No\r\nretry-after: 99999999999999999999\r\n\r\n")),
            Waited,
        ),
    ];
    for (name, addr, came) in at_all().into_iter().chain(cases) {
        check(name, addr, Protocol::HttpProtobuf, came);
    }
}

#[cfg(feature = "grpc")]
#[test]
fn over_grpc_each_record_has_its_account_whatever_is_answered() {
    use Came::Waited;
    /// An empty frame of settings, which begins each side's part of HTTP/2.
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    let cases: Vec<Case> = vec![
        ("HTTP/1.1", server(says(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")), Waited),
        ("settings and nothing more", server(goes_on(SETTINGS, b"", SLOW)), Waited),
        ("settings and the end", server(says(SETTINGS)), Waited),
        ("endless settings", server(goes_on(SETTINGS, SETTINGS, Duration::ZERO)), Waited),
        ("endless pings", server(goes_on(SETTINGS, PING, Duration::ZERO)), Waited),
        (
            "told to go away",
            server(says(b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b")),
            Waited,
        ),
        (
            "frames of no kind",
            server(goes_on(SETTINGS, b"\0\0\x01\xee\0\0\0\0\x01x", Duration::ZERO)),
            Waited,
        ),
        (
            "a frame without an end",
            server(goes_on(b"\0\0\0\x04\0\0\0\0\0\xff\xff\xff\0\0\0\0\0\x01", &[0; 4096], SLOW)),
            Waited,
        ),
    ];
    for (name, addr, came) in at_all().into_iter().chain(cases) {
        check(name, addr, Protocol::Grpc, came);
    }
}
