//! Answers that came compressed, and stayed so for the application.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Limits, Outcome,
    Record, Route, Target,
};
use proptest::prelude::*;

/// Events are words, `.` ends the stream; a whole body is the id of the answer.
#[derive(Debug, Default)]
struct Words {
    words: Vec<String>,
    id: Option<String>,
    complete: bool,
}

impl Decoder for Words {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "words", provider: None })
    }

    // How a body is encoded is not this decoder's business.
    fn wants(&self, _: &str) -> bool {
        false
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Words {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        if event.data == b"." {
            self.complete = true;
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        self.words.push(String::from_utf8_lossy(event.data).into_owned());
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        self.id = std::str::from_utf8(body).ok().map(str::to_owned);
        self.id.as_ref().is_some_and(|id| id.starts_with('{') && id.ends_with('}'))
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.response_id = self.id;
        record.output_item_types = self.words;
        Closing { complete: self.complete, ..Closing::default() }
    }
}

fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(Words::default()))
}

const STREAM: &str = "data: where\n\ndata: is\n\n: wait\n\ndata: it\n\ndata: .\n\n";
const ENCODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "bare deflate", "br"];

/// The bytes of each piece, flushed, as a server sends a stream.
fn encoded<'a>(encoding: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let level = Compression::default();
    match encoding {
        "gzip" | "x-gzip" => flushed(GzEncoder::new(Vec::new(), level), pieces, |w| w.get_mut()),
        "deflate" => flushed(ZlibEncoder::new(Vec::new(), level), pieces, |w| w.get_mut()),
        "bare deflate" => flushed(DeflateEncoder::new(Vec::new(), level), pieces, |w| w.get_mut()),
        _ => {
            let writer = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 18);
            flushed(writer, pieces, |w| w.get_mut())
        }
    }
}

fn flushed<'a, W: Write + Finish>(
    mut writer: W,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    output: impl Fn(&mut W) -> &mut Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut encoded = Vec::new();
    for piece in pieces {
        writer.write_all(piece).expect("a vector takes everything");
        writer.flush().expect("a vector takes everything");
        encoded.push(std::mem::take(output(&mut writer)));
    }
    encoded.push(writer.end());
    encoded
}

trait Finish {
    fn end(self) -> Vec<u8>;
}

macro_rules! finish {
    ($($name:ident)*) => { $(
        impl Finish for $name<Vec<u8>> {
            fn end(self) -> Vec<u8> {
                self.finish().expect("a vector takes everything")
            }
        }
    )* };
}

finish!(GzEncoder ZlibEncoder DeflateEncoder);

impl Finish for brotli::CompressorWriter<Vec<u8>> {
    fn end(self) -> Vec<u8> {
        self.into_inner()
    }
}

fn whole(encoding: &str, body: &[u8]) -> Vec<u8> {
    encoded(encoding, [body]).concat()
}

fn header(encoding: &str) -> &str {
    encoding.strip_prefix("bare ").unwrap_or(encoding)
}

fn answer<'a>(
    recording: &Recording,
    encoding: &str,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Record {
    let target = Target { method: "POST", host: "localhost", port: None, path: "/chat" };
    let start = CallStart { target, body: None, body_len: None };
    let call = recording.recorder().call(start).expect("there is room");
    let headers = [("content-encoding", header(encoding).as_bytes())];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    for piece in pieces {
        recording.clock().advance(Duration::from_millis(10));
        tap.data(&Bytes::copy_from_slice(piece));
    }
    tap.end(BodyEnd::Complete);
    call.returned();
    recording.records().pop().expect("a record")
}

fn malformed(record: &Record) -> u64 {
    record.wire.as_ref().and_then(|wire| wire.malformed).unwrap_or(0)
}

#[track_caller]
fn assert_whole_stream(record: &Record, wire_bytes: usize) {
    assert_eq!(record.output_item_types, ["where", "is", "it"]);
    assert_eq!((record.outcome, &record.cut), (Some(Outcome::Completed), &None));
    let wire = record.wire.as_ref().expect("something came");
    assert_eq!(wire.bytes, Some(wire_bytes as u64), "counted as it came");
    assert_eq!((wire.events, wire.comments, wire.malformed), (Some(3), Some(1), None));
}

#[test]
fn a_compressed_stream_is_read_wherever_it_is_cut() {
    let recording = recording();
    for encoding in ENCODINGS {
        let bytes = whole(encoding, STREAM.as_bytes());
        for cut in 0..=bytes.len() {
            let record = answer(&recording, encoding, [&bytes[..cut], &bytes[cut..]]);
            assert_whole_stream(&record, bytes.len());
        }
        assert_whole_stream(&answer(&recording, encoding, bytes.chunks(1)), bytes.len());
    }
}

#[test]
fn what_a_read_decodes_to_came_with_that_read() {
    let recording = recording();
    for encoding in ENCODINGS {
        let events = STREAM.split_inclusive("\n\n").map(str::as_bytes);
        let pieces = encoded(encoding, events);
        let record = answer(&recording, encoding, pieces.iter().map(Vec::as_slice));
        assert_eq!(record.ttft_ms, Some(10.0), "{encoding}");
        let latency = record.latency.as_ref().expect("a stream");
        // Two reads after the second word, for the comment and for the third.
        assert_eq!((latency.decode_ms, latency.gap_max_ms), (Some(30.0), Some(20.0)), "{encoding}");
    }
}

#[test]
fn a_compressed_body_is_read_whole() {
    let recording = recording();
    let body = format!("{{{}}}", "answer ".repeat(10_000));
    for encoding in ENCODINGS {
        let bytes = whole(encoding, body.as_bytes());
        for size in [1, 7, 100_000] {
            let record = answer(&recording, encoding, bytes.chunks(size));
            assert_eq!(record.response_id.as_deref(), Some(&*body), "{encoding} by {size}");
            assert_eq!((malformed(&record), record.cut), (0, None));
        }
    }
    let twice = [whole("gzip", b"{one"), whole("gzip", b" two}")].concat();
    let record = answer(&recording, "gzip", twice.chunks(3));
    assert_eq!(record.response_id.as_deref(), Some("{one two}"), "a body of two members");
}

#[test]
fn what_is_not_encoded_is_read_as_it_is() {
    let record = answer(&recording(), "identity", [STREAM.as_bytes()]);
    assert_whole_stream(&record, STREAM.len());
}

#[test]
fn an_encoding_nobody_knows_leaves_the_facts_unknown() {
    let recording = recording();
    let bytes = whole("gzip", STREAM.as_bytes());
    for encoding in ["zstd", "gzip, br", "rot13"] {
        let record = answer(&recording, encoding, bytes.chunks(5));
        assert_eq!(record.output_item_types.len(), 0);
        assert_eq!((record.response_id.as_deref(), malformed(&record)), (None, 1), "{encoding}");
        let wire = record.wire.expect("something came");
        assert_eq!((wire.events, wire.bytes), (None, Some(bytes.len() as u64)));
        let cut = record.cut.and_then(|cut| cut.response_body).expect("all of it");
        assert_eq!((cut.bytes, cut.missing), (bytes.len() as u64, bytes.len() as u64));
    }
}

#[test]
fn a_damaged_stream_tells_what_came_before() {
    let recording = recording();
    for encoding in ["gzip", "deflate", "br"] {
        let mut pieces = encoded(encoding, STREAM.split_inclusive("\n\n").map(str::as_bytes));
        let lost: usize = pieces[2..].iter().map(Vec::len).sum();
        pieces[2] = vec![0xff; pieces[2].len()];
        let record = answer(&recording, encoding, pieces.iter().map(Vec::as_slice));
        assert_eq!(record.output_item_types, ["where", "is"], "{encoding}");
        assert_eq!((record.outcome, malformed(&record)), (Some(Outcome::Interrupted), 1));
        let cut = record.cut.and_then(|cut| cut.response_body).expect("it was cut");
        assert_eq!(cut.missing, lost as u64);
    }
}

#[test]
fn a_body_whose_check_fails_is_malformed() {
    let mut bytes = whole("gzip", b"{answer}");
    let check = bytes.len() - 8;
    bytes[check] ^= 1;
    let record = answer(&recording(), "gzip", [&bytes[..]]);
    assert_eq!(malformed(&record), 1);
    let cut_short = answer(&recording(), "gzip", [&bytes[..check - 3]]);
    assert_eq!(malformed(&cut_short), 1);
}

#[test]
fn a_bomb_stops_at_the_limits() {
    let zeros = vec![b'x'; 1 << 20];
    for encoding in ENCODINGS {
        let bomb = encoded(encoding, std::iter::repeat_n(&zeros[..], 32));
        let bytes = bomb.concat();
        let record = answer(&recording(), encoding, bytes.chunks(16 * 1024));
        let cut = record.cut.and_then(|cut| cut.response_body).expect("it was cut");
        assert!(cut.bytes < 20 << 20, "{encoding}: {} bytes were decoded", cut.bytes);
        assert!(cut.missing <= cut.bytes);
        assert_eq!(record.response_id, None);
    }
}

#[test]
fn an_endless_event_stops_at_the_ratio() {
    let zeros = vec![b'x'; 1 << 20];
    for encoding in ENCODINGS {
        let head = [b"data: one\n\ndata: ".as_slice()];
        let bomb = encoded(encoding, head.into_iter().chain(std::iter::repeat_n(&zeros[..], 32)));
        let record = answer(&recording(), encoding, bomb.iter().map(Vec::as_slice));
        assert_eq!(record.output_item_types, ["one"]);
        let cut = record.cut.and_then(|cut| cut.response_body).expect("it was cut");
        assert!(cut.bytes < 20 << 20, "{encoding}: {} bytes were decoded", cut.bytes);
    }
}

#[test]
fn decoders_give_their_room_back() {
    let mut limits = Limits::default();
    limits.payload_bytes = 2 << 20;
    let recording = Recording::with(|builder| builder.decoder(Words::default()).limits(limits));
    for _ in 0..20 {
        for encoding in ["gzip", "br"] {
            let bytes = whole(encoding, STREAM.as_bytes());
            assert_whole_stream(&answer(&recording, encoding, bytes.chunks(9)), bytes.len());
            answer(&recording, encoding, [&bytes[..20], &[0xff; 20]]);
        }
    }
}

#[test]
fn without_room_for_a_decoder_the_body_is_cut() {
    let mut limits = Limits::default();
    limits.payload_bytes = 32 * 1024;
    let recording = Recording::with(|builder| builder.decoder(Words::default()).limits(limits));
    let bytes = whole("gzip", STREAM.as_bytes());
    let record = answer(&recording, "gzip", [&bytes[..]]);
    assert_eq!((record.output_item_types.len(), malformed(&record)), (0, 0));
    let cut = record.cut.and_then(|cut| cut.response_body).expect("all of it");
    assert_eq!(cut.missing, bytes.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_gives_one_record_and_no_panic(
        encoding in prop::sample::select(&ENCODINGS[..]),
        valid in any::<bool>(),
        at in 0_usize..60,
        noise in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let recording = recording();
        let mut bytes = if valid { whole(encoding, STREAM.as_bytes()) } else { Vec::new() };
        bytes.truncate(at);
        bytes.extend(noise);
        answer(&recording, encoding, bytes.chunks(11));
        prop_assert_eq!(recording.recorder().losses().total(), 0);
    }
}
