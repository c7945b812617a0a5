//! Texts as a whole: JSON, several findings, one's own detectors, and anything at all.

use llmobs_core::{Detector, Redact};
use proptest::prelude::{prop_assert_eq, proptest};

#[test]
fn a_text_of_json_stays_json_and_keeps_its_other_bytes() {
    let redact = Redact::all();
    let text = "{ \"a\":\"say \\\"hi\\\" to\\nbob@example.com\" ,\"n\": 4111111111111111,\t\"big\":12345678901234567890123456, \"f\":1.50 }";
    let redacted = redact.text(text);
    assert_eq!(
        redacted,
        "{ \"a\":\"say \\\"hi\\\" to\\n[redacted:email]\" ,\"n\": \"[redacted:card]\",\t\"big\":12345678901234567890123456, \"f\":1.50 }"
    );
    serde_json::from_str::<serde_json::Value>(&redacted).expect("it is JSON");
}

#[test]
fn what_json_hides_in_escapes_is_found() {
    let redact = Redact::all();
    assert_eq!(redact.text(r#"{"a":"bob\u0040example.com"}"#), r#"{"a":"[redacted:email]"}"#);
    let inner = serde_json::json!({"mail": "bob@example.com\n"}).to_string();
    let outer = serde_json::json!({"body": inner}).to_string();
    let redacted = redact.text(&outer).into_owned();
    let outer: serde_json::Value = serde_json::from_str(&redacted).expect("it is JSON");
    let inner = outer["body"].as_str().expect("a text");
    let inner: serde_json::Value = serde_json::from_str(inner).expect("JSON within JSON");
    assert_eq!(inner["mail"], "[redacted:email]\n");
}

#[test]
fn json_that_was_cut_is_redacted_too() {
    let redact = Redact::all();
    let redacted = redact.text(r#"{"to":"bob@example.com","key":"\nsk-abcdefghijklmnop1234"#);
    assert_eq!(redacted, r#"{"to":"[redacted:email]","key":"\n[redacted:key]"#);
    let redacted = redact.text(r#"{"to":"bob@example.com\"#);
    assert!(!redacted.contains("bob"), "{redacted}");
}

#[test]
fn findings_that_overlap_are_one() {
    let redact = Redact::none()
        .detector("early", |text, found| {
            if let Some(at) = text.find("bcd") {
                found.add(at..at + 3);
            }
        })
        .detector("late", |text, found| {
            if let Some(at) = text.find("def") {
                found.add(at..at + 3);
            }
            if let Some(at) = text.find("cde") {
                found.add(at..at + 3);
            }
        });
    assert_eq!(redact.text("abcdefg"), "a[redacted:early]g");
}

#[test]
fn a_detector_of_ones_own_may_say_anything() {
    let redact = Redact::none().detector("odd name]@x.de", |text, found| {
        found.add(1..2);
        found.add(5..usize::MAX);
        for (from, to) in [(usize::MAX, 3), (4, 2)] {
            found.add(from..to);
        }
        assert!(!text.is_empty());
    });
    // The second byte lies within the first character, and the fifth begins one.
    assert_eq!(redact.text("äbcdäf"), "[redacted:odd_name__x_de]bcd[redacted:odd_name__x_de]");
}

#[test]
fn a_list_of_names_is_a_policy() {
    let redact: Redact = "email, card".parse().expect("known");
    assert!(redact.has(Detector::Email) && redact.has(Detector::Card));
    assert!(!redact.has(Detector::Ip));
    let none: Redact = "none".parse().expect("known");
    assert_eq!(none.text("bob@example.com"), "bob@example.com");
    let err = "email,fax".parse::<Redact>().expect_err("unknown");
    assert_eq!(err.to_string(), "no detector is named \"fax\"");
}

#[test]
fn names_of_detectors_are_no_findings() {
    let redact = Redact::all();
    let text = "bob@example.com 4111111111111111 078-05-1120 10.1.2.3 +14155550132";
    let once = redact.text(text).into_owned();
    assert_eq!(
        once,
        "[redacted:email] [redacted:card] [redacted:ssn] [redacted:ip] [redacted:phone]"
    );
    assert_eq!(redact.text(&once), once);
}

/// Pieces that findings and their surroundings are made of.
const PIECES: &str = r#"(bob|@|example|\.|com|[0-9]{1,4}|4111|1111|:|::|-|\+|sk-|abcdefghij0123456789|eyJ|Bearer |DE89|37040044|"|\\|\\n|\{|\}|\[|\]|,| |ä|谢|-----BEGIN PRIVATE KEY-----|\[redacted:email\]|\PC)"#;

proptest! {
    #[test]
    fn no_text_panics_and_redacting_again_finds_nothing(
        pieces in proptest::collection::vec(proptest::string::string_regex(PIECES).expect("a pattern"), 0..24),
    ) {
        let text = pieces.concat();
        let redact = Redact::all();
        let once = redact.text(&text).into_owned();
        let twice = redact.text(&once).into_owned();
        prop_assert_eq!(&once, &twice, "of {:?}", text);
    }

    #[test]
    fn json_stays_json(
        pieces in proptest::collection::vec(proptest::string::string_regex(PIECES).expect("a pattern"), 0..12),
        number in 0_u64..,
    ) {
        let text = pieces.concat();
        let value = serde_json::json!({ text.clone(): [text.clone(), number, { "in": text }], "s": text });
        let redacted = Redact::all().text(&value.to_string()).into_owned();
        serde_json::from_str::<serde_json::Value>(&redacted).expect("it is JSON");
    }
}

/// With time that grows with the square of the length, this would not end within a test's patience.
#[test]
fn texts_made_to_be_slow_take_no_longer_than_others() {
    let redact = Redact::all();
    let pieces = [
        "eyJ-",
        "eyJaaaaaaaaa.",
        "sk-",
        "a@a.",
        ":",
        "a:1:",
        "+1",
        "4111 ",
        "{\"",
        "Bearer ",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- -----END ",
        "bob@example.com ",
        "[redacted:",
    ];
    for piece in pieces {
        let text = piece.repeat((256 << 10) / piece.len());
        assert!(redact.text(&text).len() <= 2 * text.len(), "{piece}");
    }
}
