//! Files that are not what they should be.

use llmobs_core::Outcome;
use serde_json::Value;

use crate::fixtures::{answer, call, lines};
use crate::run::{Ran, path, run_with};

fn good_line() -> String {
    lines(&[call("m", Outcome::Completed, 1.0)])
}

#[track_caller]
fn report(input: &[u8]) -> (Value, String) {
    let Ran { out, err, code } = run_with(&["report", "-", "--format", "json"], input);
    assert_eq!(code, 0, "damage is no failure");
    (serde_json::from_str(&out).expect("the report is JSON"), err)
}

#[test]
fn damaged_lines_are_skipped_counted_and_named() {
    let good = good_line();
    let mut input = Vec::new();
    input.extend_from_slice(good.as_bytes());
    input.extend_from_slice(b"{\"kind\": oops}\n\n   \n\xff\xfe\n[]\n{\"level\":\"info\"}\n");
    input.extend_from_slice(b"{\"kind\":\"interaction\",\"ttft_ms\":\"fast\"}\n");
    input.extend_from_slice(b"\0\0\0\0\n");
    input.extend_from_slice(good.as_bytes());
    input.extend_from_slice(&good.as_bytes()[..40]);
    let (found, err) = report(&input);
    assert_eq!((&found["total"]["calls"], &found["lines"]["damaged"]), (&2.into(), &7.into()));
    assert_eq!(
        err,
        "llmobs: skipped 7 damaged lines: standard input:2 (not JSON), line 5 (not UTF-8), \
         line 6 (not a record), line 7 (not a record), line 8 (not a record) and 2 more\n"
    );
}

#[test]
fn a_torn_last_line_is_called_so() {
    let good = good_line();
    let (found, err) = report((good.clone() + &good[..40]).as_bytes());
    assert_eq!(found["total"]["calls"], 1);
    assert_eq!(err, "llmobs: skipped 1 damaged line: standard input:2 (torn)\n");
    // One that only lacks its line break is whole.
    let (found, err) = report((good.clone() + good.trim_end()).as_bytes());
    assert_eq!((found["total"]["calls"].as_u64(), err.as_str()), (Some(2), ""));
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
    let mut input = vec![b'x'; 64 * 1024 * 1024 + 1];
    input.push(b'\n');
    input.extend_from_slice(good_line().as_bytes());
    let (found, err) = report(&input);
    assert_eq!(found["total"]["calls"], 1);
    assert_eq!(err, "llmobs: skipped 1 damaged line: standard input:1 (too long)\n");
}

#[test]
fn lines_from_windows_are_read() {
    let input = format!("\u{feff}{}", good_line().replace('\n', "\r\n"));
    let (found, err) = report(input.as_bytes());
    assert_eq!((found["total"]["calls"].as_u64(), err.as_str()), (Some(1), ""));
}

#[test]
fn what_a_newer_writer_adds_is_accepted() {
    let input = concat!(
        r#"{"kind":"interaction","outcome":"teleported","color":{"deep":[1]},"model":"m"}"#,
        "\n",
        r#"{"kind":"interaction","outcome":"completed","usage":{"source":"guessed","x":1}}"#,
        "\n",
        r#"{"kind":"interaction","latency":{"tpot_source":"magic"}}"#,
        "\n",
        r#"{"kind":"step","step":"divination"}"#,
        "\n",
        r#"{"kind":"prophecy","request_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#,
        "\n",
    );
    let (found, err) = report(input.as_bytes());
    assert_eq!(err, "");
    assert_eq!(found["lines"]["damaged"], 0);
    assert_eq!(found["lines"]["unknown_kind"], 1);
    assert_eq!(found["lines"]["steps"], 1);
    let total = &found["total"];
    assert_eq!((&total["calls"], &total["unknown_outcome"]), (&3.into(), &2.into()));
}

#[test]
fn another_schema_is_read_and_told_of() {
    let input = r#"{"kind":"meta","meta":{"schema":"llmobs/2"}}"#.to_owned() + "\n" + &good_line();
    let (found, err) = report(input.as_bytes());
    assert_eq!(found["total"]["calls"], 1);
    assert_eq!(
        err,
        "llmobs: some lines follow another schema than llmobs/1: read as far as known\n"
    );
}

#[test]
fn a_compressed_file_is_refused_with_a_hint() {
    let file = crate::run::file(b"\x1f\x8b\x08\0\0\0");
    let ran = crate::run::run(&["report", path(&file)]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is compressed; decompress it into"), "{}", ran.err);
}

/// A generator that needs no dependency and is the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn no_bytes_make_it_fail() {
    let whole = lines(&answer());
    let mut input = Vec::new();
    let mut state = 1;
    for line in whole.lines().cycle().take(6_000) {
        let mut bytes = line.as_bytes().to_vec();
        for _ in 0..1 + next(&mut state) % 3 {
            let at = next(&mut state) as usize % bytes.len();
            let digit = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit());
            match (next(&mut state) % 8, digit) {
                // Digits make other numbers, times and parents; the rest makes other shapes.
                (0..=4, Some(digit)) => bytes[digit] = b"0123456789999e-."[at % 16],
                (5, _) => bytes[at] = b"\"{}[],:0\\n"[at % 10],
                (6, _) => bytes[at] = next(&mut state) as u8,
                _ => bytes.truncate(at.max(1)),
            }
        }
        input.extend_from_slice(&bytes);
        input.push(b'\n');
    }
    for args in [["report", "table"], ["report", "json"], ["trace", "tree"], ["trace", "json"]] {
        let ran = run_with(&[args[0], "-", "--format", args[1]], &input);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(
            ran.err.contains("llmobs: skipped ") && ran.err.lines().count() <= 2,
            "{}",
            ran.err
        );
        assert!(!ran.out.is_empty());
    }
}
