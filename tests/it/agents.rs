//! Agents traced by the macro sum up what happens below them.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::CreateChatCompletionStreamResponse;
use futures_util::{Stream, StreamExt};
use llmobs::testing::AssertRecord;
use llmobs::{Outcome, Record, trace_llm};
use llmobs_testserver::{Answer, ChatScript, Server, Usage, chat_chunks, chat_completion};

use crate::support::{client, question, recording};

type Asking = Client<OpenAIConfig>;
type Chunk = Result<CreateChatCompletionStreamResponse, OpenAIError>;

#[trace_llm(kind = "tool")]
fn look_up(city: &str) -> usize {
    city.len()
}

#[trace_llm(kind = "agent", agent_name = "weather", fields(city = city))]
async fn answer(client: &Asking, city: &str) -> Result<usize, OpenAIError> {
    client.chat().create(question("which tool?")).await?;
    let found = look_up(city);
    Ok(client.chat().create_stream(question("and now?")).await?.count().await + found)
}

#[trace_llm(kind = "agent", agent_name = "weather", fields(city = city))]
async fn stream(
    client: &Asking,
    city: &str,
) -> Result<impl Stream<Item = Chunk> + use<>, OpenAIError> {
    client.chat().create(question("which tool?")).await?;
    look_up(city);
    client.chat().create_stream(question("and now?")).await
}

async fn server() -> Server {
    let server = Server::start().await.expect("a port");
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (30, 2);
    let script = ChatScript::tokens(["rainy", " again"]).usage(usage);
    server.answer(Answer::json(200, &chat_completion(&script)));
    server.answer(Answer::sse(chat_chunks(&script)));
    server
}

#[track_caller]
fn check(agent: &Record) {
    agent.assert_outcome(Outcome::Completed);
    let said = agent.agent.as_ref().and_then(|agent| agent.name.as_deref());
    assert_eq!((said, agent.attributes.get("city")), (Some("weather"), Some(&"Oslo".into())));
    let totals = agent.totals.as_ref().expect("it sums up");
    assert_eq!((totals.calls, totals.turns, totals.tools), (2, 2, 1));
    assert_eq!((totals.input_tokens, totals.output_tokens, totals.uncounted), (60, 4, 0));
}

#[tokio::test]
async fn a_traced_agent_sums_up_its_calls_and_tools() {
    let (server, recording) = (server().await, recording());
    let client = client(&server);
    let answered = recording.scope().run(async { answer(&client, "Oslo").await }).await;
    assert!(answered.is_ok_and(|items| items > "Oslo".len()));
    let records = recording.observed();
    check(records.named("answer"));
}

#[tokio::test]
async fn a_traced_agent_sums_up_the_stream_it_gives_back() {
    let (server, recording) = (server().await, recording());
    let client = client(&server);
    let stream = recording.scope().run(async { stream(&client, "Oslo").await }).await;
    let items = stream.expect("the server answers").count().await;
    // The client drops the body on a task of its own, some time after its reader has left.
    while recording.records().len() < 4 {
        tokio::task::yield_now().await;
    }
    let records = recording.observed();
    let agent = records.named("stream");
    check(agent);
    assert_eq!(agent.items, Some(items as u64));
}
