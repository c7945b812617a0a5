//! The kit for wire formats.

use bytes::Bytes;

use crate::call::{BodyEnd, CallStart, TransportError};
use crate::capture::Capture;
use crate::decoder::{Decoder, Target};
use crate::loss::LossCause;
use crate::prompt::Template;
use crate::record::{Outcome, Record};
use crate::testing::{Recording, Records};

/// Calls between two looks at what came of them.
const ROUND: usize = 128;
/// Bodies are cut at every position up to this length, and at so many positions beyond it.
const CUTS: usize = 2_048;

/// One request and its answer, as they were on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Where the request goes.
    pub target: Target<'a>,
    /// Body of the request.
    pub request: &'a [u8],
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer, with names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body of the answer, whole.
    pub response: &'a [u8],
    /// Texts of the two bodies that are content: none may be in a record without capture.
    pub private: &'a [&'a str],
}

/// Checks a decoder with exchanges it knows, through a recorder.
///
/// - It must know where the exchanges go, and not panic over any other place.
/// - The record must be the same however the answer's bytes were cut.
/// - Bodies cut short, damaged or made of noise must give one record each, and never a panic.
/// - With capture off, nothing private may be in a record.
///
/// Gives the record of each exchange, all content captured, without ids.
///
/// # Panics
///
/// When the decoder does not.
#[track_caller]
pub fn check_decoder(decoder: impl Decoder, exchanges: &[Exchange<'_>]) -> Vec<Record> {
    for path in ["", "/", "//", "/v1", "/\u{1f600}", &"/x".repeat(10_000)] {
        let _ = decoder.route(&Target { method: "GET", host: "", port: None, path });
        let _ = decoder.route(&Target { method: "", host: "localhost", port: Some(0), path });
    }
    let bench = Bench(Recording::with(|builder| builder.decoder(decoder)));
    // Requests are searched for prompts only where one was rendered.
    let prompt = Template::new("kit", "Rendered by the kit, and sent by nobody.");
    let none: [(&str, &str); 0] = [];
    let rendered = bench.0.scope().run_sync(|| prompt.map(|prompt| prompt.render(none)));
    assert!(matches!(rendered, Ok(Ok(_))), "the template is one");
    exchanges.iter().map(|exchange| check(&bench, exchange)).collect()
}

#[track_caller]
fn check(bench: &Bench, exchange: &Exchange<'_>) -> Record {
    let whole = || Run { exchange: *exchange, pieces: vec![exchange.response], end: COMPLETE };
    let mut records = bench.run("a whole answer", Capture::ALL, [whole()]).into_iter();
    let expected = records.next().unwrap_or_default();
    assert_ne!(expected.outcome, Some(Outcome::Unfinished), "{exchange:?}");

    let body = exchange.response;
    let cuts = positions(body.len());
    let split = cuts.iter().filter_map(|cut| body.split_at_checked(*cut));
    let split = split.map(|(a, b)| Run { pieces: vec![a, b], ..whole() });
    let bytes = Run { pieces: body.chunks(1).collect(), ..whole() };
    for record in bench.run("an answer in pieces", Capture::ALL, split.chain([bytes])) {
        assert_eq!(record, expected, "the record depends on how the bytes were cut");
    }

    assert_private(exchange, &bench.run("a whole answer", Capture::NONE, [whole()]));
    let ends = [COMPLETE, BodyEnd::Dropped, BodyEnd::Failed(TransportError::Broken)];
    for end in ends {
        let short = cuts.iter().filter_map(|cut| body.get(..*cut));
        let short = short.map(|start| Run { pieces: vec![start], end, ..whole() });
        assert_private(exchange, &bench.run("an answer cut short", Capture::NONE, short));
    }
    let requests = positions(exchange.request.len());
    let requests = requests.iter().filter_map(|cut| exchange.request.get(..*cut));
    let requests =
        requests.map(|request| Run { exchange: Exchange { request, ..*exchange }, ..whole() });
    assert_private(exchange, &bench.run("a request cut short", Capture::NONE, requests));
    damaged(bench, exchange);
    expected
}

#[track_caller]
fn assert_private(exchange: &Exchange<'_>, records: &Records) {
    for text in exchange.private {
        records.assert_lacks(text);
    }
}

/// Bodies with bytes changed, and bodies of noise, under several states.
#[track_caller]
fn damaged(bench: &Bench, exchange: &Exchange<'_>) {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for status in [exchange.status, 200, 400, 429, 503] {
        let mut bodies = Vec::new();
        for n in 0..200 {
            let (mut request, mut response) =
                (exchange.request.to_vec(), exchange.response.to_vec());
            match n % 4 {
                0 => response = noise.bytes(300),
                1 => request = noise.bytes(300),
                2 => noise.spoil(&mut request),
                _ => noise.spoil(&mut response),
            }
            bodies.push((request, response));
        }
        let runs = bodies.iter().map(|(request, response)| Run {
            exchange: Exchange { request, status, ..*exchange },
            pieces: vec![response],
            end: COMPLETE,
        });
        bench.run("a damaged exchange", Capture::ALL, runs);
    }
}

const COMPLETE: BodyEnd = BodyEnd::Complete;

/// One call to be made.
struct Run<'a> {
    exchange: Exchange<'a>,
    pieces: Vec<&'a [u8]>,
    end: BodyEnd,
}

struct Bench(Recording);

impl Bench {
    /// Makes the calls; their records without ids, of which there is one each.
    #[track_caller]
    fn run<'a>(
        &self,
        what: &str,
        capture: Capture,
        runs: impl IntoIterator<Item = Run<'a>>,
    ) -> Records {
        let mut runs = runs.into_iter();
        let mut records = Vec::new();
        loop {
            let scope = self.0.scope().capture(capture);
            let round = runs.by_ref().take(ROUND);
            let made = scope.run_sync(|| round.map(|run| self.call(&run)).collect::<Vec<_>>());
            if made.is_empty() {
                return records.into();
            }
            assert!(made.iter().all(|known| *known), "the decoder does not know {what}");
            let round = self.0.take();
            let panicked = self.0.recorder().losses().lost.get(&LossCause::Panicked).copied();
            assert_eq!(panicked, None, "the decoder panicked over {what}");
            assert_eq!(round.len(), made.len(), "one record for {what}");
            records.extend(round.into_iter().map(without_ids));
        }
    }

    /// Makes one call; `false` when no decoder knows it.
    fn call(&self, run: &Run<'_>) -> bool {
        let Exchange { target, request, status, headers, .. } = run.exchange;
        let body = Some(Bytes::copy_from_slice(request));
        let start = CallStart { target, body, body_len: None };
        let Some(call) = self.0.recorder().call(start) else { return false };
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let mut tap = call.handle().attempt().headers(status, headers);
        call.returned();
        for piece in &run.pieces {
            tap.data(&Bytes::copy_from_slice(piece));
        }
        tap.end(run.end);
        true
    }
}

fn without_ids(record: Record) -> Record {
    Record { request_id: None, trace_id: None, span_id: None, parent_span_id: None, ..record }
}

/// Where a body of this length is cut.
fn positions(len: usize) -> Vec<usize> {
    (0..=len).step_by(len.div_ceil(CUTS).max(1)).collect()
}

/// The same noise in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = self.next() % most;
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Changes a few bytes, most of them to what means something in JSON and event streams.
    fn spoil(&mut self, bytes: &mut [u8]) {
        const WORDS: &[u8] = b"{}[]\",:\\0-9.e \n\r\0";
        for _ in 0..=self.next() % 4 {
            let (at, word) = (self.next() as usize, self.next() as usize);
            let new = WORDS.get(word % WORDS.len()).copied().unwrap_or(b' ');
            let len = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % len) {
                *byte = new;
            }
        }
    }
}
