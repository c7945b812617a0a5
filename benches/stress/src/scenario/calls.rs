//! Calls through async-openai, as many as this machine makes.

#[path = "../../../support/transport.rs"]
mod transport;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::Llmobs;
use llmobs::openai::{AttemptLayer, CallLayer};
use llmobs_testserver::{Answer, ChatScript, Server, chat_chunks};
use tower::Layer;

use self::transport::{Canned, Script};
use crate::account::settle;
use crate::file;
use crate::memory::{Watch, resident};
use crate::receiver::Receiver;
use crate::report::{Broken, Report, mib, number, per_second, promise};
use crate::size::Size;
use crate::traffic::{holds_while, shut_down};

/// Tokens of an answer.
const TOKENS: usize = 20;
/// Calls that are made at the same time.
const AT_ONCE: usize = 32;

pub(super) fn run(size: &Size) -> Result<Report, Broken> {
    let time = Duration::from_secs_f64(size.seconds);
    let did = format!(
        "Streams of {TOKENS} tokens through async-openai, {AT_ONCE} at the same time on two threads, for \
         {time:?}: JSON lines to a file, spans and metrics to a receiver on this machine, and the \
         default bounds. The application, the server, the receiver and the recorder share the machine.",
    );
    let mut report = Report::new("calls", did);
    let transport = Canned::new(Script { tokens: TOKENS, per_read: 1, held: false });
    one("in memory", time, &mut report, |llmobs| {
        let retry = OpenAIRetryLayer::default();
        let calls = CallLayer::new().recorder(llmobs.recorder());
        let service = calls.layer(retry.layer(AttemptLayer::new().layer(transport)));
        client("http://127.0.0.1:1/v1").with_http_service(service)
    })?;
    let server = Server::start_blocking().map_err(Broken::by("no server"))?;
    server.recording(false);
    let answer = Answer::sse(chat_chunks(&ChatScript::tokens(vec![" token"; TOKENS])));
    server.handler(move |_| answer.clone());
    one("over loopback", time, &mut report, |llmobs| {
        let retry = OpenAIRetryLayer::default();
        let calls = CallLayer::new().recorder(llmobs.recorder());
        let http = async_openai::middleware::ReqwestService::new(reqwest::Client::new());
        let service = calls.layer(retry.layer(AttemptLayer::new().layer(http)));
        client(&server.base_url()).with_http_service(service)
    })?;
    Ok(report)
}

fn client(base: &str) -> Client<OpenAIConfig> {
    Client::with_config(OpenAIConfig::new().with_api_base(base).with_api_key("k"))
}

/// What one application did.
#[derive(Debug, Default)]
struct Did {
    calls: AtomicU64,
    failed: AtomicU64,
}

fn one(
    case: &str,
    time: Duration,
    report: &mut Report,
    make: impl FnOnce(&Llmobs) -> Client<OpenAIConfig>,
) -> Result<(), Broken> {
    let receiver = Receiver::start()?;
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let path = directory.path().join("llmobs.jsonl");
    let url = receiver.url();
    let llmobs = llmobs::Builder::from_lookup(&|_| None)
        .file(&path)
        .otlp(|otlp| otlp.endpoint(&url))
        .process_wide(false)
        .start()
        .map_err(Broken::by("it does not start"))?;
    let client = make(&llmobs);
    let (watch, before) = (Watch::start(), resident().unwrap_or(0));
    let did = Arc::<Did>::default();
    let began = Instant::now();
    holds_while(&llmobs, || calls(&client, time, &did))??;
    let made_in = began.elapsed();
    let waiting = llmobs.losses().sinks.iter().map(|sink| sink.waiting).max().unwrap_or(0);
    shut_down(&llmobs);
    let all_in = began.elapsed();

    let made = did.calls.load(Ordering::Relaxed);
    let failed = did.failed.load(Ordering::Relaxed);
    promise(made > 0 && failed == 0, || format!("{failed} of {made} calls failed"))?;
    settled(case, &llmobs, made, &path, &receiver, report)?;
    report.figure(format!("{case}: calls"), per_second(made, made_in));
    report.figure("… tokens", per_second(made * TOKENS as u64, made_in));
    report.figure("… records waiting when the last call had ended", number(waiting));
    report.figure("… until all had arrived", format!("{:.1?}", all_in - made_in));
    report.figure("… resident memory, at most", mib(watch.most().saturating_sub(before)));
    Ok(())
}

/// The accounts of both sinks, by the file's lines and by what the receiver has counted.
fn settled(
    case: &str,
    llmobs: &Llmobs,
    made: u64,
    path: &Path,
    receiver: &Receiver,
    report: &mut Report,
) -> Result<(), Broken> {
    let losses = llmobs.losses();
    report.row(settle(case, &losses, "json_lines", made, file::count(path)?)?);
    report.row(settle(case, &losses, "otlp", made, receiver.arrival())?);
    let arrived = receiver.arrived();
    promise(arrived.malformed == 0, || "a request could not be read".to_owned())?;
    let duration = llmobs_core::semconv::metric::INFERENCE_DURATION;
    let (_, counted) = arrived.metrics.get(duration).copied().unwrap_or_default();
    let missed: u64 = losses.lost.values().sum();
    let same = counted == made - missed;
    promise(same, || format!("{case}: the metrics tell of {counted} calls, of {made}: {losses:?}"))
}

/// Calls until the time is over.
fn calls(client: &Client<OpenAIConfig>, time: Duration, did: &Arc<Did>) -> Result<(), Broken> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Broken::by("no runtime"))?;
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from("Where is my order?").into()])
        .build()
        .map_err(Broken::by("no request"))?;
    runtime.block_on(async {
        let until = Instant::now() + time;
        let tasks = (0..AT_ONCE).map(|_| {
            let (client, request, did) = (client.clone(), request.clone(), Arc::clone(did));
            tokio::spawn(async move {
                loop {
                    did.calls.fetch_add(1, Ordering::Relaxed);
                    let read = call(&client, request.clone()).await;
                    did.failed.fetch_add(u64::from(read < TOKENS), Ordering::Relaxed);
                    if Instant::now() >= until {
                        break;
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.map_err(Broken::by("the application panicked"))?;
        }
        Ok(())
    })
}

/// One call, read to its end; gives how many chunks were well formed.
async fn call(client: &Client<OpenAIConfig>, request: CreateChatCompletionRequest) -> usize {
    let Ok(stream) = client.chat().create_stream(request).await else { return 0 };
    stream.filter(|chunk| std::future::ready(chunk.is_ok())).count().await
}
