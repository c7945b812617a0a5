//! Tokens are counted where the server sends no counts, and nowhere else.

use bytes::Bytes;
use llmobs_core::testing::kit;
use llmobs_core::{
    BodyEnd, Capture, Decoder, Exchange, Offline, Record, Target, TransportError, UsageSource,
};
use llmobs_openai::OpenAi;
use serde_json::{Value, json};

/// Two tokens, and the six that frame a user's message.
const ASKED: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Hello there"}]}"#;
const INPUT: Option<u64> = Some(9);

fn read(
    decoder: impl Decoder,
    (path, request): (&str, &str),
    (status, end): (u16, BodyEnd),
    body: &str,
) -> Record {
    let mut offline = Offline::new(decoder, Capture::NONE);
    let target = Target { method: "POST", host: "host.test", port: None, path };
    let request = Bytes::copy_from_slice(request.as_bytes());
    let exchange = Exchange { target, request, status, headers: &[], end };
    offline.decode(&exchange, [Bytes::copy_from_slice(body.as_bytes())]).expect("a known format")
}

fn whole(path: &str, request: &Value, body: &Value) -> Record {
    let ending = (200, BodyEnd::Complete);
    read(OpenAi::new().estimate(), (path, &request.to_string()), ending, &body.to_string())
}

fn chat(messages: &Value) -> Record {
    let answer = json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]});
    whole("/v1/chat/completions", &json!({"model": "gpt-4o", "messages": messages}), &answer)
}

fn streamed(events: &[Value], end: BodyEnd) -> Record {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let decoder = OpenAi::new().estimate();
    read(decoder, ("/v1/chat/completions", ASKED), (200, end), &body)
}

fn delta(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}}]})
}

fn stop() -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
}

fn tokens(record: &Record) -> (Option<u64>, Option<u64>, Option<UsageSource>) {
    let source = record.usage.as_ref().and_then(|usage| usage.source);
    (record.input_tokens, record.output_tokens, source)
}

const ESTIMATED: Option<UsageSource> = Some(UsageSource::Estimated);
const REPORTED: Option<UsageSource> = Some(UsageSource::Reported);

#[test]
fn a_stream_without_usage_is_counted() {
    let events =
        [delta("The cap"), delta("ital of"), delta(" France is"), delta(" Paris."), stop()];
    let record = streamed(&events, BodyEnd::Complete);
    // The capital of France is Paris . — however the words were cut.
    assert_eq!(tokens(&record), (INPUT, Some(7), ESTIMATED));
}

#[test]
fn of_a_stream_that_was_left_what_came_is_counted() {
    for end in [BodyEnd::Dropped, BodyEnd::Failed(TransportError::Broken)] {
        let record = streamed(&[delta("The capital"), delta(" of")], end);
        assert_eq!(tokens(&record), (INPUT, Some(3), ESTIMATED), "{end:?}");
        let record = streamed(&[], end);
        assert_eq!(record.output_tokens, None, "nothing came: {end:?}");
    }
}

#[test]
fn it_is_off_unless_turned_on() {
    let body = format!("data: {}\n\n", delta("Hello"));
    let ending = (200, BodyEnd::Complete);
    let record = read(OpenAi::new(), ("/v1/chat/completions", ASKED), ending, &body);
    assert_eq!(tokens(&record), (None, None, None));
}

#[test]
fn what_was_reported_goes_before_and_is_never_mixed() {
    let usage = |usage: Value| json!({"choices": [], "usage": usage});
    let both = usage(json!({"prompt_tokens": 70, "completion_tokens": 80}));
    let record = streamed(&[delta("Hello"), stop(), both], BodyEnd::Complete);
    assert_eq!(tokens(&record), (Some(70), Some(80), REPORTED));
    let output = usage(json!({"completion_tokens": 80}));
    let record = streamed(&[delta("Hello"), stop(), output], BodyEnd::Complete);
    assert_eq!(tokens(&record), (None, Some(80), REPORTED), "the input stays unknown");
    // What runs along with the stream is what there is when it breaks off.
    let mut running = delta("Hello");
    running["usage"] = json!({"prompt_tokens": 70, "completion_tokens": 1});
    let record = streamed(&[running, delta(" there you are")], BodyEnd::Dropped);
    assert_eq!(tokens(&record), (Some(70), Some(1), REPORTED));
    let record = streamed(&[delta("Hello"), stop(), usage(json!({}))], BodyEnd::Complete);
    assert_eq!(tokens(&record), (INPUT, Some(1), ESTIMATED), "an empty one reports nothing");
}

#[test]
fn calls_that_failed_used_nothing() {
    let error = r#"{"error":{"message":"no","type":"invalid_request_error"}}"#;
    for status in [200, 429] {
        let request = ("/v1/chat/completions", ASKED);
        let ending = (status, BodyEnd::Complete);
        let record = read(OpenAi::new().estimate(), request, ending, error);
        assert_eq!((tokens(&record), record.usage), ((None, None, None), None), "{status}");
    }
    let error = json!({"error": {"message": "overloaded", "code": "server_error"}});
    let record = streamed(&[delta("Hello"), error], BodyEnd::Complete);
    assert_eq!(tokens(&record), (INPUT, Some(1), ESTIMATED), "but for what was said before");
}

#[test]
fn an_input_of_more_than_text_is_unknown() {
    let text = json!({"type": "text", "text": "Hello there"});
    let record = chat(&json!([{"role": "user", "content": [text]}]));
    assert_eq!(tokens(&record), (INPUT, Some(1), ESTIMATED));
    for part in [
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        json!({"type": "file", "file": {"file_id": "f"}}),
    ] {
        let record = chat(&json!([{"role": "user", "content": [text, part]}]));
        assert_eq!(tokens(&record), (None, Some(1), ESTIMATED), "{part}");
    }
    let answer = json!({"status": "completed", "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]});
    let respond = |more: Value| {
        let mut request = json!({"model": "gpt-4o", "input": "Hello there"});
        request.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("too"));
        tokens(&whole("/v1/responses", &request, &answer))
    };
    assert_eq!(respond(json!({})), (INPUT, Some(2), ESTIMATED));
    for more in [
        json!({"previous_response_id": "resp_1"}),
        json!({"conversation": {"id": "conv_1"}}),
        json!({"prompt": {"id": "pmpt_1"}}),
        json!({"tools": [{"type": "web_search"}]}),
        json!({"input": [{"type": "item_reference", "id": "i"}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
    ] {
        assert_eq!(respond(more.clone()), (None, Some(2), ESTIMATED), "{more}");
    }
}

#[test]
fn an_output_of_more_than_text_is_unknown() {
    let image = json!({"choices": [{"delta": {"images": [{"image_url": {"url": "data:"}}]}}]});
    let audio = json!({"choices": [{"delta": {"audio": {"data": "AAAA"}}}]});
    for more in [image, audio] {
        let record = streamed(&[delta("Hello"), more, stop()], BodyEnd::Complete);
        assert_eq!(tokens(&record), (INPUT, None, ESTIMATED));
    }
}

#[test]
fn everything_generated_counts() {
    let said = |said: Value| {
        let answer = json!({"choices": [{"message": said, "finish_reason": "stop"}]});
        let request: Value = serde_json::from_str(ASKED).expect("JSON");
        whole("/v1/chat/completions", &request, &answer).output_tokens
    };
    assert_eq!(said(json!({"content": "Hello there"})), Some(2));
    assert_eq!(
        said(json!({"reasoning_content": "Hello there", "content": "Hello there"})),
        Some(4)
    );
    assert_eq!(said(json!({"content": null, "refusal": "Hello there"})), Some(2));
    assert_eq!(said(json!({"content": ""})), None, "nothing was seen");
    let call = |id| json!({"id": id, "function": {"name": "look_up", "arguments": "{}"}});
    let one = said(json!({"tool_calls": [call("a")]})).expect("a call");
    let two = said(json!({"tool_calls": [call("a"), call("b")]})).expect("two calls");
    assert!(one > 3 && two > 2 * one - 3, "{one} {two}");
    let choices = json!({"choices": [
        {"index": 0, "message": {"content": "Hello"}}, {"index": 1, "message": {"content": "Hello"}}]});
    let request: Value = serde_json::from_str(ASKED).expect("JSON");
    let record = whole("/v1/chat/completions", &request, &choices);
    assert_eq!(record.output_tokens, Some(2), "in every choice");
}

#[test]
fn a_response_is_counted_once_though_it_is_sent_three_times() {
    let message =
        json!({"type": "message", "content": [{"type": "output_text", "text": "Hello there"}]});
    let events = [
        json!({"type": "response.created", "response": {"status": "in_progress", "output": []}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hello"}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": " there"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": message}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": [message]}}),
    ];
    for (events, end) in [(&events[..], BodyEnd::Complete), (&events[..3], BodyEnd::Dropped)] {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        let request = r#"{"model":"gpt-4o","stream":true,"input":"Hello there"}"#;
        let decoder = OpenAi::new().estimate();
        let record = read(decoder, ("/v1/responses", request), (200, end), &body);
        assert_eq!(tokens(&record), (INPUT, Some(3), ESTIMATED), "two words and the end");
    }
}

#[test]
fn a_response_that_is_yet_to_come_used_nothing_yet() {
    let request = json!({"model": "gpt-4o", "input": "Hello there", "background": true});
    let record = whole("/v1/responses", &request, &json!({"status": "queued", "output": []}));
    assert_eq!((tokens(&record), record.usage), ((None, None, None), None));
}

#[test]
fn prompts_and_inputs_of_embeddings_are_counted_in_all_their_forms() {
    for (input, expected) in [
        (json!("Hello there"), Some(2)),
        (json!(["Hello there", "Hello"]), Some(3)),
        (json!([1, 2, 3]), Some(3)),
        (json!([[1, 2, 3], [4]]), Some(4)),
        (json!([{"image": "x"}]), None),
    ] {
        let request = json!({"model": "text-embedding-3-small", "input": input});
        let record = whole("/v1/embeddings", &request, &json!({"data": []}));
        assert_eq!((record.input_tokens, record.output_tokens), (expected, None), "{input}");
        let request = json!({"model": "gpt-3.5-turbo-instruct", "prompt": input});
        let record = whole("/v1/completions", &request, &json!({"choices": [{"text": "Hello"}]}));
        assert_eq!((record.input_tokens, record.output_tokens), (expected, Some(1)), "{input}");
    }
}

#[test]
fn text_in_small_pieces_counts_as_text_in_one() {
    let text = "Grüße! 東京は日本の首都です。\n\n\tfn main() { let x = 12345; }  // it's 😀\r\n "
        .repeat(700);
    let one = streamed(&[delta(&text)], BodyEnd::Complete).output_tokens.expect("a count");
    let pieces: Vec<_> = text.chars().map(|c| delta(&c.to_string())).collect();
    let many = streamed(&pieces, BodyEnd::Complete).output_tokens.expect("a count");
    assert_eq!(one, many, "the words are put together before they are counted");
    let whole = bpe_openai::o200k_base().count(&*text) as u64;
    assert_eq!(one, whole, "and looking at 4 KiB at once changes nothing");
}

/// The count of a text without an end is that of its windows, 4 KiB at once: work is linear whatever the
/// tokenizer does with one of them. Were the text looked at as a whole again and again, these would not
/// come to their end while anybody waits.
#[test]
fn texts_without_an_end_of_a_word_are_counted_too() {
    for unit in ["a", " ", "\n", "aA", "1", "東", "\u{301}", "-", "\n ", "🏳\u{200d}"] {
        let small = streamed(&[delta(&unit.repeat((8 << 10) / unit.len()))], BodyEnd::Complete);
        let large = streamed(&[delta(&unit.repeat((128 << 10) / unit.len()))], BodyEnd::Complete);
        let (small, large) = (small.output_tokens, large.output_tokens);
        let (small, large) = (small.expect("a count"), large.expect("a count"));
        assert!(large.abs_diff(16 * small) <= large / 20, "{unit:?}: {small} and {large}");
    }
    let text = "a".repeat(128 << 10);
    let pieces: Vec<_> = (0..16 << 10).map(|_| delta("aaaaaaaa")).collect();
    let one = streamed(&[delta(&text)], BodyEnd::Complete).output_tokens;
    assert_eq!(streamed(&pieces, BodyEnd::Complete).output_tokens, one);
}

#[test]
fn many_interleaved_texts_are_counted_in_bounded_memory() {
    let events = |index: u64, words: &str| {
        let call = json!({"index": index, "function": {"name": "f", "arguments": words}});
        json!({"choices": [{"delta": {"tool_calls": [call]}}]})
    };
    let long: Vec<_> = (0..3000).map(|n| events(n % 100, &"some words ".repeat(20))).collect();
    let record = streamed(&long, BodyEnd::Complete);
    let output = record.output_tokens.expect("a count");
    assert!((120_000..126_000).contains(&output), "{output}");
}

#[test]
fn nothing_that_was_said_gets_into_a_record() {
    const SAID: &str = "the parrot is resting";
    let asked = json!({"model": "m", "stream": true, "tools": [{"type": "function", "function": {
        "name": "f", "description": SAID}}], "messages": [{"role": "user", "content": SAID}]});
    let asked = asked.to_string();
    let stream = format!("data: {}\n\ndata: {}\n\n", delta(SAID), stop());
    let exchange = kit::Exchange {
        target: Target { method: "POST", host: "h.test", port: None, path: "/v1/chat/completions" },
        request: asked.as_bytes(),
        status: 200,
        headers: &[],
        response: stream.as_bytes(),
        private: &[SAID],
    };
    let records = kit::check_decoder(OpenAi::new().estimate(), &[exchange]);
    assert!(records.iter().all(|record| record.output_tokens.is_some()));
    // Nor into what a decoder or its fold says of itself.
    let decoder = OpenAi::new().estimate();
    let route = decoder.route(&exchange.target).expect("a chat");
    let mut record = Record::default();
    decoder.request(&route, exchange.request, Capture::NONE, &mut record);
    let mut fold = decoder.fold(&route, &record, Capture::NONE);
    fold.event(&llmobs_core::Event {
        name: b"",
        data: delta(SAID).to_string().as_bytes(),
        missing: 0,
    });
    assert!(!format!("{fold:?}{record:?}").contains("parrot"));
}
