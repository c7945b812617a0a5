//! A call carries its trace to the hosts that were named, and to no other.

use std::time::Duration;

use llmobs::testing::Memory;
use llmobs_testserver::{Answer, ChatScript, Server, chat_completion};

use crate::support::{client, question};

/// What a call carried.
struct Carried {
    /// `traceparent` and `baggage` of two attempts.
    headers: Vec<[Option<String>; 2]>,
    /// What the first one should be.
    traceparent: String,
    user_id: Option<String>,
}

/// A call that is retried once, under these environment variables.
async fn carried(environment: &[(&str, &str)]) -> Carried {
    let server = Server::start().await.expect("a port");
    server.answer(Answer::text(500, "oops"));
    server.answer(Answer::json(200, &chat_completion(&ChatScript::new("hello"))));
    let memory = Memory::default();
    let lookup = |name: &str| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let llmobs = llmobs::Builder::from_lookup(&lookup)
        .sink(memory.clone())
        .process_wide(false)
        .start()
        .expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let scope = scope.session("s-1").user("ada").tag("tenant", "a,b");
    let client = client(&server);
    scope.run(async { client.chat().create(question("?")).await }).await.expect("an answer");
    llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
    let record = memory.take().pop().expect("a record");
    let (trace, span) = (record.trace_id.expect("a trace"), record.span_id.expect("a span"));
    let received = server.received();
    let header =
        |name| move |request: &llmobs_testserver::Received| request.header(name).map(str::to_owned);
    Carried {
        headers: received
            .iter()
            .map(|r| [header("traceparent")(r), header("baggage")(r)])
            .collect(),
        traceparent: format!("00-{trace}-{span}-01"),
        user_id: record.user_id,
    }
}

#[tokio::test]
async fn no_host_is_told_anything_unless_it_was_named() {
    for environment in [
        &[][..],
        &[("LLMOBS_PROPAGATE_TO", "gateway.example, .0.0.1"), ("LLMOBS_PROPAGATE_BAGGAGE", "true")],
    ] {
        let carried = carried(environment).await;
        assert_eq!(carried.headers, [[None, None], [None, None]]);
    }
}

#[tokio::test]
async fn each_attempt_carries_the_span_of_its_call() {
    let carried = carried(&[("LLMOBS_PROPAGATE_TO", "gateway.example,127.0.0.1")]).await;
    let expected = [Some(carried.traceparent), None];
    assert_eq!(carried.headers, [expected.clone(), expected]);
}

#[tokio::test]
async fn baggage_goes_along_when_it_is_asked_to_and_ids_of_users_are_hashed_first() {
    let to = ("LLMOBS_PROPAGATE_TO", "127.0.0.1");
    let with = ("LLMOBS_PROPAGATE_BAGGAGE", "true");
    let plain = carried(&[to, with]).await;
    let baggage = "session.id=s-1,user.id=ada,llmobs.tag.tenant=a%2Cb";
    assert_eq!(plain.headers[0][1].as_deref(), Some(baggage));
    assert_eq!(plain.user_id.as_deref(), Some("ada"));

    let hashed = carried(&[to, with, ("LLMOBS_USER_ID_KEY", "secret")]).await;
    let user_id = hashed.user_id.expect("it has a user");
    assert_ne!(user_id, "ada");
    let baggage = baggage.replace("ada", &user_id);
    assert_eq!(hashed.headers[0][1], Some(baggage));
}
