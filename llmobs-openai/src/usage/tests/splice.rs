use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::usage::splice::splice;

fn spliced(body: &str) -> Option<(String, u32)> {
    let (bytes, events) = splice(body.as_bytes())?;
    Some((String::from_utf8(bytes).expect("text stays text"), events))
}

#[test]
fn the_question_is_added_where_it_is_missing() {
    for (body, expected, events) in [
        (r#"{"stream":true}"#, r#"{"stream":true,"stream_options":{"include_usage":true}}"#, 1),
        (
            "\n { \"stream\" : true , \"x\":\"}\" \n } \t\n",
            "\n { \"stream\" : true , \"x\":\"}\" \n ,\"stream_options\":{\"include_usage\":true}} \t\n",
            1,
        ),
        (
            r#"{"stream_options":{},"stream":true,"n":3}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true,"n":3}"#,
            3,
        ),
        (
            r#"{"stream_options": { "include_obfuscation":false},"stream":true,"n":null}"#,
            r#"{"stream_options": {"include_usage":true, "include_obfuscation":false},"stream":true,"n":null}"#,
            1,
        ),
        (
            r#"{"a":"\"stream_options\":{","m":[{"stream":false,"stream_options":{"include_usage":true}}],"stream":true}"#,
            r#"{"a":"\"stream_options\":{","m":[{"stream":false,"stream_options":{"include_usage":true}}],"stream":true,"stream_options":{"include_usage":true}}"#,
            1,
        ),
    ] {
        assert_eq!(spliced(body), Some((expected.to_owned(), events)));
    }
}

#[test]
fn what_says_enough_or_is_odd_is_left_alone() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"["stream",true]"#,
        r#"{"stream":false}"#,
        r#"{"stream":null}"#,
        r#"{"stream":1}"#,
        r#"{"stream":"true"}"#,
        r#"{"x":{"stream":true}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"stream":true,"stream_options":{"a":1,"include_usage":"odd","b":2}}"#,
        r#"{"stream":true,"stream_options":{"include\u005fusage":true}}"#,
        r#"{"stream":true,"stream_options":null}"#,
        r#"{"stream":true,"stream_options":[]}"#,
        r#"{"stream":true,"stream_options":"{}"}"#,
        r#"{"stream":true,"stream_options":{},"stream_options":{}}"#,
        r#"{"stream":true,"stream":true}"#,
        r#"{"stream":false,"stream":true}"#,
        r#"{"stream":true,"n":1,"n":2}"#,
        r#"{"stream":true,"n":0}"#,
        r#"{"stream":true,"n":-1}"#,
        r#"{"stream":true,"n":1.0}"#,
        r#"{"stream":true,"n":"2"}"#,
        r#"{"stream":true,"n":1000}"#,
        r#"{"stream":true,"stream\u005foptions":{}}"#,
        r#"{"\u006eame":1,"stream":true}"#,
        r#"{"stream":true"#,
        r#"{"stream":true}}"#,
        r#"{"stream":true} {}"#,
        r#"{"stream":true,}"#,
        r#"{"stream":true,"x":01}"#,
        r#"{"stream":true,"x":"a"b"}"#,
        r#"{stream:true}"#,
        "{\"stream\":true,\"x\":\"\n\"}",
        "\u{feff}{\"stream\":true}",
    ] {
        assert_eq!(spliced(body), None, "{body}");
    }
    assert_eq!(splice(b"{\"stream\":true,\"x\":\"\xff\"}"), None, "not UTF-8");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[\\PC\"\\\\{}\\[\\],:\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof!["[a-z\"{}]{0,4}", Just("stream_options".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The members in this order, with this between tokens of the outermost object.
fn written(members: &[(String, Value)], space: &str, pretty: bool) -> String {
    let text = |value: &Value| match pretty {
        true => serde_json::to_string_pretty(value).expect("it is JSON"),
        false => value.to_string(),
    };
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{}{space}", text(value)))
        .collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

proptest! {
    #[test]
    fn nothing_else_changes(
        others in prop::collection::vec(("x_[a-z{}]{1,6}", value()), 0..6),
        options in prop::option::of(prop::collection::vec(("o_[a-z]{1,3}", value()), 0..3)),
        at in any::<prop::sample::Index>(),
        also_at in any::<prop::sample::Index>(),
        space in "[ \t\r\n]{0,3}",
        pretty in any::<bool>(),
    ) {
        let mut members = others;
        members.insert(at.index(members.len() + 1), ("stream".to_owned(), true.into()));
        if let Some(options) = &options {
            let options: Map<_, _> = options.iter().cloned().collect();
            let place = also_at.index(members.len() + 1);
            members.insert(place, ("stream_options".to_owned(), options.into()));
        }
        let body = written(&members, &space, pretty);
        let (after, events) = spliced(&body).expect("the question is missing");
        prop_assert_eq!(events, 1);

        let mut asked: Value = serde_json::from_str(&after).expect("it is still JSON");
        let before: Value = serde_json::from_str(&body).expect("it is JSON");
        prop_assert_eq!(&asked["stream_options"]["include_usage"], &json!(true));
        let object = asked.as_object_mut().expect("an object");
        if options.is_some() {
            let options = object["stream_options"].as_object_mut().expect("an object");
            options.remove("include_usage");
        } else {
            object.remove("stream_options");
        }
        prop_assert_eq!(&asked, &before);

        // One insertion: what is before and after it is the body, byte for byte.
        let same = body.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
        let added = after.len() - body.len();
        let tail = |at: usize| body.as_bytes()[at..] == after.as_bytes()[at + added..];
        let found = (0..=same).any(tail);
        prop_assert!(found);
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(
        body in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(
            b"{}[]\",:\\ \nstreamtrue_options".to_vec()
        )], 0..80),
        quoted in any::<bool>(),
    ) {
        let mut body = body;
        if quoted {
            body.extend_from_slice(b"{\"stream\":true}");
        }
        if let Some((after, _)) = splice(&body) {
            let after: Value = serde_json::from_slice(&after).expect("it is still JSON");
            prop_assert_eq!(&after["stream"], &json!(true));
        }
    }
}
