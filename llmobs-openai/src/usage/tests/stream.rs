use std::collections::VecDeque;
use std::io::Read;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use crate::usage::filter::{LIMIT, Scan};

const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
const TOKEN: &str = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What is left of a stream that comes in these pieces.
fn pieces<'a>(events: u32, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut scan, mut out) = (Scan::new(events), VecDeque::new());
    for piece in pieces {
        scan.feed(&Bytes::copy_from_slice(piece), &mut out);
    }
    scan.release(&mut out);
    out.iter().flat_map(|bytes| bytes.to_vec()).collect()
}

fn text(stream: &str, size: usize) -> String {
    String::from_utf8(pieces(1, stream.as_bytes().chunks(size))).expect("text stays text")
}

#[track_caller]
fn check(stream: &str, left: &str) {
    for size in 1..=stream.len().min(200) {
        assert_eq!(text(stream, size), left, "in pieces of {size}: {stream:?}");
    }
    assert_eq!(text(stream, stream.len()), left, "{stream:?}");
}

#[test]
fn one_event_goes_and_all_else_stays() {
    let cases = [
        (vec![TOKEN, USAGE, DONE], vec![TOKEN, DONE]),
        (vec![USAGE], vec![]),
        (vec![USAGE, TOKEN], vec![TOKEN]),
        (vec![TOKEN, USAGE, USAGE, DONE], vec![TOKEN, USAGE, DONE]),
        (vec![": hi\n\n", USAGE, ": bye\n\n", DONE], vec![": hi\n\n", ": bye\n\n", DONE]),
        (vec![":\n", USAGE, DONE], vec![":\n", DONE]),
        (vec!["\n\n\n", USAGE, "\n", DONE], vec!["\n\n\n", "\n", DONE]),
        (vec!["id: 7\nretry: 1\n", USAGE, DONE], vec![DONE]),
        (vec!["event: message\n", USAGE, DONE], vec![DONE]),
        (
            vec![
                "data:{\"usage\":{\"a\":[\"}\\\"\"]},\ndata: \"choices\" : [ ] , \"x\":1}\n\n",
                DONE,
            ],
            vec![DONE],
        ),
        (vec!["data: {\"choices\":[],\"usage\":{\"a\":1},\"error\":null}\n\n", DONE], vec![DONE]),
    ];
    for (sent, left) in cases {
        check(&sent.concat(), &left.concat());
    }
}

#[test]
fn every_line_end_is_understood() {
    for end in ["\n", "\r\n", "\r"] {
        let with = [": c\n\n", TOKEN, USAGE, TOKEN, DONE].concat().replace('\n', end);
        let without = [": c\n\n", TOKEN, TOKEN, DONE].concat().replace('\n', end);
        check(&with, &without);
        let with = [TOKEN, USAGE].concat().replace('\n', end);
        check(&with, &TOKEN.replace('\n', end));
    }
}

#[test]
fn what_is_no_usage_event_stays() {
    for event in [
        TOKEN,
        DONE,
        "data: {\"choices\":[]}\n\n",
        "data: {\"choices\":[],\"usage\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{}}\n\n",
        "data: {\"choices\":[],\"usage\":{ }}\n\n",
        "data: {\"choices\":[],\"usage\":7}\n\n",
        "data: {\"choices\":null,\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":\"[]\",\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[{}],\"choices\":[],\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":null,\"usage\":{\"a\":1}}\n\n",
        "data: {\"x\":{\"choices\":[],\"usage\":{\"a\":1}}}\n\n",
        "data: {\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1},\"error\":{\"message\":\"no\"}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1}}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":01}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1]}\n\n",
        "data: [{\"choices\":[],\"usage\":{\"a\":1}}]\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1}} x\n\n",
        "datum: {\"choices\":[],\"usage\":{\"a\":1}}\n\n",
        "x: 1\ndata: {\"choices\":[],\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[],\n: between\ndata: \"usage\":{\"a\":1}}\n\n",
        "\u{feff}data: {\"choices\":[],\"usage\":{\"a\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"a\":1}}",
        "data: {\"choices\":[],\"usage\":{\"a\":1}}\n",
        "{\"choices\":[],\"usage\":{\"a\":1}}",
        "data\n\n",
        "\n",
    ] {
        check(event, event);
        check(&format!("{TOKEN}{event}"), &format!("{TOKEN}{event}"));
    }
}

#[test]
fn an_event_too_long_to_hold_stays_however_it_is_cut() {
    let event = |len: usize| {
        let space = " ".repeat(len);
        format!("data: {{\"choices\":[],{space}\"usage\":{{\"a\":1}}}}\n\n")
    };
    let (fits, long) = (event(LIMIT - 100), event(LIMIT));
    for size in [1, 7, 1000, LIMIT * 2] {
        assert_eq!(text(&format!("{fits}{DONE}"), size), DONE);
        let stream = format!("{long}{USAGE}{DONE}");
        assert_eq!(text(&stream, size), format!("{long}{DONE}"));
    }
}

#[test]
fn an_event_is_let_go_as_soon_as_it_cannot_be_one() {
    let (mut scan, mut out) = (Scan::new(1), VecDeque::new());
    let mut fed = |piece: &'static str| {
        scan.feed(&Bytes::from_static(piece.as_bytes()), &mut out);
        out.drain(..).flat_map(|bytes| bytes.to_vec()).collect::<Vec<u8>>()
    };
    assert_eq!(fed("data: {\"id\":\"c\",\"choices\":["), b"");
    assert_eq!(fed("{\"delta\":"), b"data: {\"id\":\"c\",\"choices\":[{\"delta\":");
    assert_eq!(fed("{}}]}\n"), b"{}}]}\n");
    assert_eq!(fed("\n: co"), b"\n: co");
    assert_eq!(fed("mment\n\ndata: ["), b"mment\n\ndata: [");
    assert_eq!(fed("DONE]\n\nda"), b"DONE]\n\n");
    assert_eq!(fed("te: 1\n\n"), b"date: 1\n\n");
}

#[test]
fn reads_that_hold_whole_events_are_handed_on_as_they_are() {
    let (mut scan, mut out) = (Scan::new(1), VecDeque::new());
    let read = Bytes::from([TOKEN, TOKEN, ": c\n\n"].concat());
    scan.feed(&read, &mut out);
    let handed = out.pop_front().expect("handed on");
    assert_eq!((handed.as_ptr(), handed.len()), (read.as_ptr(), read.len()), "no copy");
    assert!(out.is_empty());
}

/// Streamed chats as they were recorded, each with how many answers were asked for.
fn recorded() -> Vec<(String, u32)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings/recordings.jsonl.gz");
    let Ok(file) = std::fs::File::open(path) else {
        assert!(std::env::var_os("CI").is_none(), "the recordings are missing");
        return Vec::new();
    };
    let mut lines = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut lines).expect("gzip of UTF-8");
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("one object a line"))
        .filter(|it| it["api"] == "chat_completions" && it["stream"] == true)
        .map(|it| {
            let request: Value =
                serde_json::from_str(it["request"].as_str().expect("text")).unwrap_or_default();
            let n = request["n"].as_u64().unwrap_or(1);
            (it["response"].as_str().expect("text").to_owned(), n as u32)
        })
        .collect()
}

/// A stream apart: its events, and whether each says nothing but usage.
fn events(stream: &str) -> Vec<(&str, bool)> {
    let end = if stream.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    stream
        .split_inclusive(end)
        .map(|event| {
            let data = event.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or("");
            let json: Value = serde_json::from_str(data).unwrap_or_default();
            let empty = json["choices"].as_array().is_some_and(Vec::is_empty);
            let used = json["usage"].as_object().is_some_and(|usage| !usage.is_empty());
            (event, empty && used && event.ends_with(end) && json["error"].is_null())
        })
        .collect()
}

fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 1) as usize
}

#[test]
fn recorded_streams_are_what_they_would_be_without_the_question() {
    let (mut had, mut several, mut inserted) = (0, 0, 0);
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for (stream, n) in recorded() {
        let parts = events(&stream);
        let unasked: String = parts.iter().filter(|it| !it.1).map(|it| it.0).collect();
        let count = parts.iter().filter(|it| it.1).count();
        let asked = if count > 0 {
            had += 1;
            several += usize::from(count > 1);
            stream.clone()
        } else {
            inserted += 1;
            let at = random(&mut state) % (parts.len() + 1);
            let whole = |it: &&(&str, bool)| it.0.ends_with("\n");
            let before: String = parts.iter().take(at).map(|it| it.0).collect();
            // After a part that is not whole, it would be another event.
            let usage = if parts.iter().take(at).all(|it| whole(&it)) { USAGE } else { "" };
            format!("{before}{usage}{}", &unasked[before.len()..])
        };
        for round in 0..4 {
            for (sent, left) in [(&asked, &unasked), (&unasked, &unasked)] {
                let mut cut = Vec::new();
                let mut rest = sent.as_bytes();
                while !rest.is_empty() {
                    let len = match round {
                        0 => 1,
                        1 => rest.len(),
                        2 => random(&mut state) % 300 + 1,
                        _ => random(&mut state) % 4000 + 1,
                    };
                    let (piece, after) = rest.split_at(len.min(rest.len()));
                    cut.push(piece);
                    rest = after;
                }
                let got = pieces(n, cut);
                assert!(
                    got == left.as_bytes(),
                    "round {round} of {}",
                    &sent[..sent.len().min(400)]
                );
            }
        }
    }
    eprintln!("{had} with usage events of their own ({several} with several), {inserted} without");
    assert!(had == 0 || (had > 100 && several > 0 && inserted > 100), "{had} {several} {inserted}");
}

proptest! {
    #[test]
    fn streams_of_any_kind_lose_nothing_but_usage(
        parts in prop::collection::vec(prop_oneof![
            4 => Just(TOKEN.to_owned()),
            1 => Just(": keep-alive\n".to_owned()),
            1 => Just("event: x\ndata: 1\ndata: 2\n\n".to_owned()),
            1 => Just("\n".to_owned()),
            2 => "data: [\\PC{}\\[\\]\":,]{0,30}\n\n",
            1 => "[\\PC{}\\[\\]\":,]{0,30}\n\n",
        ], 0..12),
        at in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1_usize..40, 1..20),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let left = parts.concat().replace('\n', end);
        let mut with = parts;
        with.insert(at.index(with.len() + 1), USAGE.to_owned());
        let with = with.concat().replace('\n', end);
        for (sent, events) in [(&with, 1), (&left, 1), (&left, 3)] {
            let mut rest = sent.as_bytes();
            let cut = sizes.iter().cycle().map_while(|size| {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                rest = after;
                (!piece.is_empty()).then_some(piece)
            });
            let got = String::from_utf8(pieces(events, cut)).expect("text stays text");
            prop_assert_eq!(&got, &left);
        }
    }
}
