//! Any content at any limit.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Form, size, text};

/// Letters that JSON writes in one byte, in two and in six, and some of several bytes.
fn words() -> impl Strategy<Value = String> {
    let unit = prop::sample::select(vec!["a", "\"", "\\b", "\n", "\u{1}é", "…", "𝄞 "]);
    (unit, 0usize..80).prop_map(|(unit, times)| unit.repeat(times))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(words(), inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        words().prop_map(|text| json!({"type": "text", "content": text})),
        (words(), any_json())
            .prop_map(|(name, args)| json!({"type": "tool_call", "name": name, "arguments": args})),
        (words(), any_json()).prop_map(
            |(id, said)| json!({"type": "tool_call_response", "id": id, "response": said})
        ),
        (words(), any_json()).prop_map(|(kind, inside)| json!({"type": kind, "": inside})),
    ]
}

fn messages() -> impl Strategy<Value = Value> {
    let message = (words(), prop::collection::vec(part(), 0..4))
        .prop_map(|(role, parts)| json!({"role": role, "parts": parts, "finish_reason": "stop"}));
    prop::collection::vec(message, 0..8).prop_map(Value::from)
}

fn tools() -> impl Strategy<Value = Value> {
    let tool = (words(), any_json())
        .prop_map(|(name, schema)| json!({"type": "function", "name": name, "parameters": schema}));
    prop::collection::vec(tool, 0..8).prop_map(Value::from)
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("it is JSON")
}

fn same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_size_is_that_of_the_text(value in any_json()) {
        prop_assert_eq!(size(&value), value.to_string().len());
    }

    #[test]
    fn any_value_is_valid_json_within_any_limit(value in any_json(), limit in 64usize..4_000) {
        let whole = value.to_string();
        let cut = super::json(whole.clone(), Form::Json, limit).expect("64 bytes hold anything");
        prop_assert!(cut.len() <= limit, "{} > {limit}: {cut}", cut.len());
        prop_assert!(same_type(&read(&cut), &value), "{cut}");
        prop_assert!(whole.len() > limit || cut == whole);
    }

    #[test]
    fn messages_stay_messages(value in messages(), limit in 64usize..4_000) {
        let cut = super::json(value.to_string(), Form::Messages, limit).expect("64 bytes hold a list");
        prop_assert!(cut.len() <= limit, "{} > {limit}: {cut}", cut.len());
        for message in read(&cut).as_array().expect("a list") {
            prop_assert!(message["role"].is_string(), "{cut}");
            for part in message["parts"].as_array().expect("parts") {
                prop_assert!(part["type"].is_string(), "{cut}");
            }
        }
    }

    #[test]
    fn tools_stay_tools(value in tools(), limit in 64usize..4_000) {
        let cut = super::json(value.to_string(), Form::Tools, limit).expect("64 bytes hold a list");
        prop_assert!(cut.len() <= limit, "{} > {limit}: {cut}", cut.len());
        for tool in read(&cut).as_array().expect("a list") {
            prop_assert!(tool["type"].is_string() && tool["name"].is_string(), "{cut}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters(whole in words(), limit in 0usize..600) {
        let cut = text(whole.clone(), limit);
        prop_assert!(cut.len() <= limit);
        prop_assert!(whole.len() > limit || cut == whole);
    }
}

fn message(role: &str, text: &str) -> Value {
    json!({"role": role, "parts": [{"type": "text", "content": text}]})
}

#[test]
fn the_longest_texts_go_first_and_say_how_long_they_were() {
    let long = "x".repeat(5_000);
    let whole =
        json!([message("system", "be kind"), message("user", &long), message("user", "why?")]);
    let cut = read(&super::json(whole.to_string(), Form::Messages, 300).expect("there is room"));
    assert_eq!((&cut[0], &cut[2]), (&whole[0], &whole[2]), "short ones are whole");
    let text = cut[1]["parts"][0]["content"].as_str().expect("a text");
    assert!(text.starts_with("xxx") && text.ends_with("… [5000 bytes]"), "{text}");
    assert!(cut.to_string().len() > 290, "no more is cut than has to be: {cut}");
}

#[test]
fn the_oldest_messages_go_only_when_texts_alone_do_not_help() {
    let turns: Vec<_> = (0..100).map(|turn| message("user", &format!("turn {turn}"))).collect();
    let cut =
        read(&super::json(Value::from(turns).to_string(), Form::Messages, 500).expect("room"));
    let cut = cut.as_array().expect("a list");
    assert_eq!(cut.last(), Some(&message("user", "turn 99")));
    let kept = cut.len() - 1;
    assert!(kept >= 5, "{cut:?}");
    assert_eq!(cut.first(), Some(&message("cut", &format!("… [{} more]", 100 - kept))));
}

#[test]
fn of_one_message_that_is_too_large_the_first_parts_stay() {
    let parts: Vec<_> =
        (0..100).map(|n| json!({"type": "text", "content": n.to_string()})).collect();
    let whole = json!([{"role": "user", "parts": parts, "finish_reason": "stop"}]);
    let cut = read(&super::json(whole.to_string(), Form::Messages, 600).expect("there is room"));
    let message = cut.as_array().and_then(|all| all.last()).expect("one message");
    assert_eq!((&message["role"], &message["finish_reason"]), (&json!("user"), &json!("stop")));
    assert_eq!(message["parts"][0], json!({"type": "text", "content": "0"}));
    let parts = message["parts"].as_array().expect("parts");
    let last = parts.last().and_then(|part| part["content"].as_str()).expect("a mark");
    assert_eq!(last, format!("… [{} more]", 101 - parts.len()));
}

#[test]
fn lists_and_objects_lose_what_comes_last_and_say_how_much() {
    let whole = json!({"numbers": (0..1_000).collect::<Vec<_>>(), "question": "why?"});
    let cut = read(&super::json(whole.to_string(), Form::Json, 200).expect("there is room"));
    let numbers = cut["numbers"].as_array().expect("a list");
    assert_eq!(numbers[0], 0);
    assert_eq!(numbers.last(), Some(&json!(format!("… [{} more]", 1_001 - numbers.len()))));
}
