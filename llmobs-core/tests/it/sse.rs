//! Server-sent events, against an implementation too simple to be wrong.

use llmobs_core::{Event, SseParser};
use proptest::prelude::*;

#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    name: Vec<u8>,
    data: Vec<u8>,
    missing: u64,
}

fn seen(event: Event<'_>) -> Seen {
    // Of one that was too large, the end is another test's.
    let data = if event.missing == 0 { event.data.to_vec() } else { Vec::new() };
    Seen { name: event.name.to_vec(), data, missing: event.missing }
}

/// The events and the number of comments in `pieces`.
fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> (Vec<Seen>, u64) {
    let mut parser = SseParser::new(limit);
    let mut events = Vec::new();
    for piece in pieces {
        parser.feed(piece, |event| events.push(seen(event)));
        assert!(parser.held() <= 4 * limit + 1024, "{} bytes held", parser.held());
    }
    parser.finish(|event| events.push(seen(event)));
    (events, parser.comments())
}

/// The lines of the whole input; the last one is what follows the last line end.
fn lines(input: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut bytes = input.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if *byte == b'\r' {
                    bytes.next_if_eq(&&b'\n');
                }
                lines.push(Vec::new());
            }
            other => lines.last_mut().expect("there is always one").push(*other),
        }
    }
    lines
}

/// By the standard, line by line, with our two additions: a last event without its empty line
/// counts, and one over the limit is handed on without its data.
fn reference(input: &[u8], limit: usize) -> (Vec<Seen>, u64) {
    let mut events = Vec::new();
    let (mut name, mut data, mut skipped, mut comments) = (Vec::new(), None::<Vec<u8>>, None, 0);
    let mut lines = lines(input);
    lines.push(Vec::new());
    for (n, raw) in lines.iter().enumerate() {
        let line = match n {
            0 => raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw),
            _ => raw,
        };
        let held = data.as_ref().map_or(0, Vec::len);
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            match (skipped.take(), data.take()) {
                (Some(missing), _) => events.push(Seen { name, data: Vec::new(), missing }),
                (None, Some(data)) => events.push(Seen { name, data, missing: 0 }),
                (None, None) => {}
            }
        } else if let Some(skipped) = &mut skipped {
            *skipped += raw.len() as u64;
        } else if held + raw.len() > limit {
            skipped = Some((held + raw.len()) as u64);
            data = None;
        } else {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let (field, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"" => comments += 1,
                b"data" => {
                    data = Some(match data.take() {
                        Some(before) => [&before, &b"\n"[..], value].concat(),
                        None => value.to_vec(),
                    });
                }
                b"event" => name = value.iter().copied().take(256).collect(),
                _ => {}
            }
        }
    }
    (events, comments)
}

/// Bytes that look like a stream more often than chance would have it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"data: x\n\n",
        b"data:",
        b"data",
        b"event: a",
        b"event",
        b"id: 7",
        b":",
        b" ",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"\0",
        b"0123456789abcdef",
    ];
    prop::collection::vec(prop::sample::select(words), 0..40).prop_map(|words| words.concat())
}

/// The input in pieces, some of them empty.
fn cut<'a>(input: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    at.sort_unstable();
    at.push(input.len());
    let mut start = 0;
    let piece = |end| input.get(std::mem::replace(&mut start, end)..end);
    at.into_iter().filter_map(piece).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn events_are_those_of_the_standard_however_the_bytes_are_cut(
        input in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![3usize..40, Just(1 << 20)],
    ) {
        let expected = reference(&input, limit);
        prop_assert_eq!(&parse([&input[..]], limit), &expected, "whole");
        prop_assert_eq!(&parse(cut(&input, &cuts), limit), &expected, "cut");
        prop_assert_eq!(&parse(input.chunks(1), limit), &expected, "byte by byte");
    }

    #[test]
    fn noise_makes_no_difference(
        input in prop::collection::vec(any::<u8>(), 0..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        prop_assert_eq!(parse(cut(&input, &cuts), 64), reference(&input, 64));
    }
}

#[test]
fn an_empty_piece_between_cr_and_lf_ends_no_event() {
    let pieces = ["data: a\r", "", "\ndata: b\r\n\r\n"].map(str::as_bytes);
    let (events, _) = parse(pieces, 1024);
    assert_eq!(events, [Seen { data: b"a\nb".to_vec(), ..Seen::default() }]);
}

#[test]
fn after_a_gap_the_next_whole_event_is_the_first() {
    let mut parser = SseParser::new(1024);
    let mut events = Vec::new();
    parser.feed(b"data: a\n\ndata: lo", |event| events.push(seen(event)));
    parser.resync();
    parser.feed(b"st\n\ndata: b\n\n", |event| events.push(seen(event)));
    let data: Vec<_> = events.iter().map(|event| &event.data[..]).collect();
    assert_eq!(data, [b"a", b"b"]);
}

#[test]
fn of_an_event_that_is_too_large_the_end_is_handed_on() {
    let long = format!("event: big\ndata: {}the end\n\ndata: next\n\n", "x".repeat(10_000));
    for size in [1, 7, 100, 5_000, 9_000, long.len()] {
        let mut parser = SseParser::new(5_000);
        let mut seen = Vec::new();
        for piece in long.as_bytes().chunks(size) {
            parser.feed(piece, |event| {
                seen.push((event.name.to_vec(), event.data.to_vec(), event.missing));
            });
        }
        let [(name, end, missing), (_, next, 0)] = seen.as_slice() else {
            panic!("{size}: two events, not {}", seen.len());
        };
        assert_eq!((name.as_slice(), next.as_slice()), (&b"big"[..], &b"next"[..]), "{size}");
        assert!(*missing > 10_000, "{size}: {missing}");
        assert!(end.ends_with(b"xthe end") && end.len() == 4 * 1024, "{size}: {}", end.len());
        assert!(parser.held() <= 16 * 1024, "{size}: {}", parser.held());
    }
}
