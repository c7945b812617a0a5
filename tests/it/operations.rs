//! Images, sound, moderations, and whatever else async-openai posts.

use std::path::PathBuf;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::{HttpRequestFactory, ReqwestService};
use async_openai::types::InputSource;
use async_openai::types::audio::{
    AudioInput, CreateSpeechRequestArgs, CreateTranscriptionRequest,
    CreateTranscriptionRequestArgs, SpeechModel, StreamFormat,
};
use async_openai::types::files::{CreateFileRequest, FileInput};
use async_openai::types::images::{CreateImageRequestArgs, ImageModel};
use async_openai::types::moderations::CreateModerationRequestArgs;
use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http_body_util::Full;
use llmobs::http::ObserveLayer;
use llmobs::testing::{AssertRecord, Recording, Records};
use llmobs::{Capture, Outcome};
use llmobs_core::Builder;
use llmobs_testserver::{Answer, Gate, Received, Server};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{client, config, recording};

const CANARY: &str = "canary-4711";

async fn server(answer: Answer) -> Server {
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    server
}

fn recording_with(configure: impl FnOnce(Builder) -> Builder) -> Recording {
    Recording::with(|builder| configure(builder.decoder(llmobs::openai::OpenAi::new())))
}

/// What the calls of `run` leave behind.
async fn observed<F: Future>(run: F) -> (F::Output, Records) {
    let recording = recording();
    let output = recording.scope().run(run).await;
    (output, recording.observed())
}

fn transcription(source: InputSource) -> CreateTranscriptionRequest {
    CreateTranscriptionRequestArgs::default()
        .file(AudioInput { source })
        .model("whisper-1")
        .prompt(CANARY)
        .build()
        .expect("the request is complete")
}

fn in_memory(bytes: &Bytes) -> InputSource {
    InputSource::Bytes { filename: "said.mp3".into(), bytes: bytes.clone() }
}

/// A file with sound in it, of a test's own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    (directory, path)
}

fn transcript() -> Answer {
    Answer::json(200, &json!({"text": CANARY, "usage": {"type": "duration", "seconds": 9}}))
}

fn request_bytes(records: &Records) -> Option<u64> {
    records.only().wire.as_ref().and_then(|wire| wire.request_bytes)
}

#[tokio::test]
async fn an_image_is_recorded_with_what_it_took() {
    let server = server(Answer::json(
        200,
        &json!({"created": 1, "data": [{"b64_json": "aGVsbG8="}], "usage": {
            "input_tokens": 4, "output_tokens": 1056, "total_tokens": 1060,
            "input_tokens_details": {"text_tokens": 4, "image_tokens": 0},
        }}),
    ))
    .await;
    let mut request = CreateImageRequestArgs::default();
    request.prompt(CANARY).model(ImageModel::GptImage2).n(1_u8);
    let request = request.build().expect("complete");
    let (made, records) = observed(client(&server).images().generate(request)).await;
    assert_eq!(made.expect("it was made").data.len(), 1);
    let record = records.only().assert_outcome(Outcome::Completed).assert_lacks(CANARY);
    assert_eq!(record.operation.as_deref(), Some("generate_content"));
    assert_eq!(
        (record.api.as_deref(), record.model.as_deref()),
        (Some("images"), Some("gpt-image-2"))
    );
    assert_eq!((record.input_tokens, record.output_tokens), (Some(4), Some(1056)));
    assert_eq!(record.params.as_ref().and_then(|params| params.n), Some(1));
    record.assert_lacks("aGVsbG8");
}

#[tokio::test]
async fn speech_is_counted_as_it_passes() {
    let sound = Bytes::from(vec![0xf3; 300_000]);
    let server = server(Answer::bytes(200, "audio/mpeg", sound.clone()).split_every(7_000)).await;
    let request = speech().build().expect("complete");
    let (said, records) = observed(client(&server).audio().speech().create(request)).await;
    assert_eq!(said.expect("it was said").bytes, sound);
    let record = records.only().assert_outcome(Outcome::Completed).assert_lacks(CANARY);
    assert_eq!(record.api.as_deref(), Some("audio_speech"));
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), Some(300_000));
    assert_eq!((record.stream, &record.cut, record.http_status), (None, &None, Some(200)));
    let latency = record.latency.as_ref().expect("it took some time");
    let marks = [latency.headers_ms, latency.time_to_first_byte_ms, record.total_latency_ms];
    assert!(marks.iter().all(Option::is_some), "{marks:?}");
    assert!(latency.time_to_first_byte_ms <= record.total_latency_ms);
}

fn speech() -> CreateSpeechRequestArgs {
    let mut request = CreateSpeechRequestArgs::default();
    request.input(CANARY).model(SpeechModel::Other("tts".into()));
    request
}

#[tokio::test]
async fn streamed_speech_has_its_first_sound_and_its_end() {
    let events = [
        json!({"type": "speech.audio.delta", "audio": "aGVsbG8="}),
        json!({"type": "speech.audio.done",
            "usage": {"input_tokens": 4, "output_tokens": 40, "total_tokens": 44}}),
    ];
    let server = server(Answer::sse(events.map(|event| event.to_string()))).await;
    let request = speech().stream_format(StreamFormat::SSE).build().expect("complete");
    let (events, records) = observed(async {
        let stream = client(&server).audio().speech().create_stream(request).await;
        stream.expect("it starts").collect::<Vec<_>>().await.len()
    })
    .await;
    assert_eq!(events, 2);
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.stream, record.output_tokens), (Some(true), Some(40)));
    assert!(record.ttft_ms.is_some());
}

#[tokio::test]
async fn a_judgement_is_recorded() {
    let server = server(Answer::json(
        200,
        &json!({"id": "modr-1", "model": "omni-1", "results": [{"flagged": true}]}),
    ))
    .await;
    let request = CreateModerationRequestArgs::default().input(CANARY).build().expect("complete");
    // The typed answer wants more than was sent; the record does not.
    let (_, records) = observed(client(&server).moderations().create(request)).await;
    let record = records.only().assert_outcome(Outcome::Completed).assert_lacks(CANARY);
    assert_eq!(record.operation.as_deref(), Some("moderation"));
    assert!(record.safety.as_ref().is_some_and(|safety| safety.present && safety.detected));
}

#[tokio::test]
async fn a_form_with_files_is_counted_whether_its_length_is_known_or_not() {
    let sound = Bytes::from(format!("{CANARY}{}", "x".repeat(200_000)));
    let (_directory, path) = file("said.mp3", &sound);
    for source in [in_memory(&sound), InputSource::Path { path }] {
        let server = server(transcript()).await;
        let client = client(&server);
        let (heard, records) =
            observed(client.audio().transcription().create(transcription(source))).await;
        assert_eq!(heard.expect("it was heard").text, CANARY);
        let record = records.only().assert_outcome(Outcome::Completed).assert_lacks(CANARY);
        assert_eq!(record.operation.as_deref(), Some("transcription"));
        assert_eq!((record.model.as_deref(), &record.cut), (None, &None));
        assert_eq!(record.usage.as_ref().and_then(|usage| usage.audio_seconds), Some(9.0));
        let sent = server.received()[0].body.len();
        assert!(sent > sound.len());
        assert_eq!(request_bytes(&records), Some(sent as u64));
    }
}

/// A request without what is different each time: the boundary, which the body holds as well.
fn comparable(request: &Received) -> (Vec<(String, String)>, Vec<u8>) {
    let content_type = request.header("content-type").unwrap_or_default();
    let boundary = content_type.split("boundary=").nth(1).unwrap_or("none").to_owned();
    let of_place = |text: &str| text.replace(&boundary, "boundary");
    let headers = request.headers.iter().filter(|(name, _)| name != "host");
    let headers = headers.map(|(name, value)| (name.clone(), of_place(value))).collect();
    (headers, of_place(&request.text()).into_bytes())
}

// Time is the runtime's own, so that nothing is waited for.
#[tokio::test(start_paused = true)]
async fn a_form_is_sent_and_sent_again_as_without_us() {
    let sound = Bytes::from("x".repeat(100_000));
    let (_directory, path) = file("said.mp3", &sound);
    for source in [in_memory(&sound), InputSource::Path { path }] {
        let mut sent = Vec::new();
        for observes in [false, true] {
            let server = Server::start().await.expect("a port");
            server.answer(Answer::text(503, "busy"));
            server.answer(transcript());
            let http = reqwest::Client::builder().pool_max_idle_per_host(0).build();
            let http = http.expect("a client");
            let plain: Client<OpenAIConfig> = Client::with_config(config(&server));
            let client = match observes {
                true => plain.with_http_service(llmobs::openai::service(http)),
                false => plain.with_http_client(http),
            };
            let request = transcription(source.clone());
            let (heard, records) = observed(client.audio().transcription().create(request)).await;
            let requests: Vec<_> = server.received().iter().map(comparable).collect();
            if observes {
                let record = records.only().assert_outcome(Outcome::Completed);
                assert_eq!(record.attempts, Some(2));
                let bytes =
                    server.received().iter().map(|it| it.body.len() as u64).collect::<Vec<_>>();
                assert!(request_bytes(&records).is_some_and(|len| bytes.contains(&len)));
            }
            sent.push((heard.expect("it was heard").text, requests));
        }
        assert_eq!(sent[0].1.len(), 2);
        assert!(sent[0] == sent[1], "what was sent differs");
    }
}

#[tokio::test]
async fn sound_arrives_with_the_headers_and_the_bytes_it_has_without_us() {
    let sound: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let answers = [
        Answer::bytes(200, "audio/mpeg", sound.clone()),
        Answer::bytes(200, "audio/mpeg", sound.clone()).chunked().split_every(999),
        Answer::bytes(200, "audio/mpeg", sound.clone()).declared_length(200_000),
        Answer::bytes(200, "image/png", sound.clone()).chunked().cut(),
        Answer::bytes(200, "application/octet-stream", ""),
    ];
    for answer in answers {
        let server = server(answer.header("x-request-id", "req_1").repeat()).await;
        let http = reqwest::Client::new();
        let factory = || post(&http, &server);
        let without = ReqwestService::new(http.clone()).oneshot(factory()).await;
        let without = seen(without.expect("the server answers")).await;
        let (with, records) = observed(async {
            let with = llmobs::openai::service(http.clone()).oneshot(factory()).await;
            seen(with.expect("the server answers")).await
        })
        .await;
        assert!(without == with, "{:?} {:?}", without.0, with.0);
        let whole = with.3.is_none();
        let expected = if whole { Outcome::Completed } else { Outcome::Failed };
        let record = records.only().assert_outcome(expected);
        assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), Some(with.2.len() as u64));
        assert_eq!(record.cut, None);
    }
}

/// A request for speech, below async-openai's types.
fn post(http: &reqwest::Client, server: &Server) -> HttpRequestFactory {
    let (http, url) = (http.clone(), format!("{}/audio/speech", server.base_url()));
    HttpRequestFactory::new(move || {
        let request = http.post(&url).body("{}").build();
        async move { Ok(request?) }
    })
}

type Seen = (Vec<(String, Vec<u8>)>, Option<u64>, Vec<u8>, Option<String>);

async fn seen(mut response: reqwest::Response) -> Seen {
    let headers = response.headers().iter();
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort();
    let (length, mut body) = (response.content_length(), Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => return (headers, length, body, None),
            Err(err) => return (headers, length, body, Some(err.to_string())),
        }
    }
}

#[tokio::test]
async fn sound_that_nobody_hears_to_its_end_is_dropped() {
    let gate = Gate::new();
    let sound = Answer::stream("audio/mpeg").write(vec![1; 1_000]).wait(&gate).write("more");
    let server = server(sound).await;
    let ((), records) = observed(async {
        let http = reqwest::Client::new();
        let factory = post(&http, &server);
        let answer = llmobs::openai::service(http).oneshot(factory).await;
        let mut answer = answer.expect("the server answers");
        assert!(answer.chunk().await.expect("it goes on").is_some());
        drop(answer);
    })
    .await;
    let record = records.only().assert_outcome(Outcome::Dropped);
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), Some(1_000));
}

#[tokio::test]
async fn of_sound_that_is_still_coming_at_the_shutdown_the_size_is_unknown() {
    let gate = Gate::new();
    let answer = Answer::stream("audio/mpeg").write(vec![1; 1_000]).wait(&gate).write("more");
    let server = server(answer).await;
    let memory = llmobs::testing::Memory::default();
    let llmobs = llmobs::Builder::from_lookup(&|_| None).sink(memory.clone()).process_wide(false);
    let llmobs = llmobs.start().expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let http = reqwest::Client::new();
    let factory = post(&http, &server);
    let answer = scope.run(llmobs::openai::service(http).oneshot(factory)).await;
    let mut answer = answer.expect("the server answers");
    assert!(answer.chunk().await.expect("it goes on").is_some());
    let shut =
        tokio::task::spawn_blocking(move || llmobs.shutdown(std::time::Duration::from_secs(10)));
    shut.await.expect("no panic").expect("nothing is left");
    gate.open();
    assert_eq!(answer.chunk().await.expect("it ends").as_deref(), Some(&b"more"[..]));
    let records = Records::from(memory.records());
    let record = records.only().assert_outcome(Outcome::Unfinished);
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), None);
    assert_eq!(record.http_status, Some(200));
}

#[tokio::test]
async fn much_sound_takes_no_room() {
    const PIECE: usize = 256 * 1024;
    let piece = Bytes::from(vec![7; PIECE]);
    let sound = (0..200).fold(Answer::stream("audio/wav"), |answer, _| answer.write(piece.clone()));
    let server = server(sound).await;
    server.recording(false);
    // Less than any piece of it would take.
    let mut limits = llmobs::Limits::default();
    limits.payload_bytes = 64 * 1024;
    let recording = recording_with(|builder| builder.limits(limits));
    let request = speech().build().expect("complete");
    let client = client(&server);
    let said = recording.scope().run(client.audio().speech().create(request)).await;
    assert_eq!(said.expect("it was said").bytes.len(), 200 * PIECE);
    let losses = recording.recorder().losses();
    assert_eq!((losses.payload_bytes, losses.lost.values().sum::<u64>()), (0, 0));
    let records = recording.observed();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), Some(200 * PIECE as u64));
    assert_eq!(record.cut, None);
}

#[tokio::test]
async fn a_file_is_an_operation_when_it_is_sent_and_none_when_it_is_read() {
    let server = Server::start().await.expect("a port");
    let told = json!({"id": "file-1", "object": "file", "bytes": 1, "created_at": 1,
        "filename": "a", "purpose": "batch", "data": [], "has_more": false, "deleted": true});
    server.answer(Answer::json(200, &told).repeat());
    let client = client(&server);
    let request = CreateFileRequest {
        file: FileInput { source: in_memory(&Bytes::from(CANARY)) },
        ..CreateFileRequest::default()
    };
    let (_, records) = observed(client.files().create(request)).await;
    let record = records.only().assert_outcome(Outcome::Completed).assert_lacks(CANARY);
    assert_eq!(
        (record.operation.as_deref(), record.api.as_deref()),
        (Some("api_call"), Some("files"))
    );
    assert_eq!(record.response_id.as_deref(), Some("file-1"));
    let sent = server.received()[0].body.len() as u64;
    assert_eq!(request_bytes(&records), Some(sent));

    let ((), records) = observed(async {
        let files = client.files();
        // What comes back is not the point.
        let _ = files.list().await;
        let _ = files.retrieve("file-1").await;
        let _ = files.content("file-1").await;
        let _ = files.delete("file-1").await;
    })
    .await;
    assert_eq!(server.hits(), 5);
    assert!(records.is_empty(), "{}", records.tree());
}

#[tokio::test]
async fn another_client_is_not_taken_for_one_of_models_alone() {
    let ((), records) = observed(async {
        let answer = |_| async {
            let body = Full::new(Bytes::from_static(br#"{"text":"hello"}"#));
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        };
        for path in ["/orders", "/v1/files", "/v1/audio/transcriptions"] {
            let request = Request::post(format!("http://shop.test{path}"))
                .header("content-type", "multipart/form-data; boundary=x")
                .body(Full::new(Bytes::from_static(CANARY.as_bytes())));
            let service = ObserveLayer::new().layer(service_fn(answer));
            let answer = service.oneshot(request.expect("a request")).await.expect("it answers");
            drop(http_body_util::BodyExt::collect(answer.into_body()).await);
        }
    })
    .await;
    let record = records.only().assert_lacks(CANARY);
    assert_eq!(record.operation.as_deref(), Some("transcription"));
    assert_eq!((request_bytes(&records), &record.cut), (Some(CANARY.len() as u64), &None));
}

#[tokio::test]
async fn what_was_heard_is_kept_where_that_was_turned_on() {
    let recording = recording_with(|builder| builder.capture(Capture::ALL));
    let server = server(transcript()).await;
    let client = client(&server);
    let request = transcription(in_memory(&Bytes::from("secret-4712")));
    let heard = recording.scope().run(client.audio().transcription().create(request)).await;
    assert!(heard.is_ok());
    let records = recording.observed();
    let content = records.only().content.as_ref().expect("captured");
    assert_eq!(
        content.output_messages,
        Some(json!([{"role": "assistant", "parts": [{"type": "text", "content": CANARY}]}]))
    );
    // The file is not kept whatever was turned on.
    records.assert_lacks("secret-4712");
}
