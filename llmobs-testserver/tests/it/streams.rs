//! Bodies in steps: boundaries, gates, broken connections, clients that leave.

use std::time::Duration;

use bytes::Bytes;
use llmobs_testserver::{Answer, Gate, Server, Step};

use crate::{get, pieces, server};

const EVENTS: [&str; 3] = ["{\"n\":1}", "{\"n\":2}", "[DONE]"];
const BODY: &str = "data: {\"n\":1}\n\ndata: {\"n\":2}\n\ndata: [DONE]\n\n";

/// The sizes of the body's writes for the first request, once it is over.
async fn write_sizes(server: &Server) -> Vec<usize> {
    server.client_left(0).await;
    let writes = server.writes();
    writes.iter().take(1).flat_map(|all| &all.body).map(|write| write.bytes).collect()
}

/// Serves an answer once; gives what the client read and the sizes the server wrote.
async fn serve(answer: Answer) -> (Vec<String>, bool, Vec<usize>) {
    let server = server().await;
    server.answer(answer);
    let (pieces, whole) = pieces(get(&server).await).await;
    (pieces, whole, write_sizes(&server).await)
}

#[tokio::test]
async fn events_are_written_one_at_a_time() {
    let (pieces, whole, sizes) = serve(Answer::sse(EVENTS)).await;
    assert_eq!(pieces, ["data: {\"n\":1}\n\n", "data: {\"n\":2}\n\n", "data: [DONE]\n\n"]);
    assert!(whole);
    assert_eq!(sizes, [15, 15, 14]);
}

#[tokio::test]
async fn a_body_can_be_written_byte_by_byte() {
    let (pieces, whole, sizes) = serve(Answer::sse(EVENTS).split_every(1)).await;
    assert_eq!(pieces.concat(), BODY);
    assert!(whole);
    assert_eq!(sizes, vec![1; BODY.len()]);
    assert!(pieces.iter().all(|piece| piece.len() == 1));
}

#[tokio::test]
async fn a_body_can_be_cut_at_any_offsets() {
    let (pieces, _, sizes) = serve(Answer::sse(EVENTS).split_at(&[20, 3, 20, 0, 999])).await;
    assert_eq!(pieces.concat(), BODY);
    assert_eq!(sizes, [3, 17, BODY.len() - 20]);
}

#[tokio::test]
async fn splitting_keeps_pauses_where_they_are() {
    let answer = Answer::stream("text/plain").write("abcd").pause(Duration::ZERO);
    let (pieces, _, sizes) = serve(answer.write("ef").write("gh").split_every(3)).await;
    assert_eq!(pieces.concat(), "abcdefgh");
    assert_eq!(sizes, [3, 1, 3, 1]);
}

#[tokio::test]
async fn write_times_are_in_order_and_respect_pauses() {
    let server = server().await;
    let pause = Duration::from_millis(5);
    server.answer(Answer::sse(EVENTS).pause_between(pause));
    get(&server).await.text().await.unwrap();
    assert_eq!(server.client_left(0).await, None);
    let writes = &server.writes()[0];
    let received = &server.received()[0];
    assert!(received.at <= writes.head.unwrap());
    assert!(writes.head.unwrap() <= writes.body[0].at);
    assert!(writes.body.windows(2).all(|two| two[1].at - two[0].at >= pause));
    assert!(writes.body[2].at <= writes.over.unwrap());
}

#[tokio::test]
async fn a_gate_holds_back_what_comes_after_it() {
    let server = server().await;
    let (gate, reached) = (Gate::new(), Gate::new());
    server.answer(Answer::sse(EVENTS).wait_before(1, &gate).open(&reached));
    let mut response = get(&server).await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: {\"n\":1}\n\n");
    server.written(0, 1).await;
    assert_eq!(server.writes()[0].body.len(), 1);
    assert!(!reached.is_open());
    gate.open();
    assert_eq!(response.text().await.unwrap(), &BODY[15..]);
    reached.wait().await;
}

#[tokio::test]
async fn a_cut_is_a_transport_error_after_everything_written() {
    let (pieces, whole, sizes) = serve(Answer::sse(&EVENTS[..2]).cut().write("never")).await;
    assert_eq!(pieces.concat(), &BODY[..30]);
    assert!(!whole);
    assert_eq!(sizes, [15, 15]);
}

#[tokio::test]
async fn a_cut_breaks_bodies_of_known_length_too() {
    let answer = Answer::bytes(200, "text/plain", "first").cut().write("second");
    let (pieces, whole, _) = serve(answer).await;
    assert_eq!((pieces.concat().as_str(), whole), ("first", false));
}

#[tokio::test]
async fn a_reset_breaks_even_a_body_that_ends_with_the_connection() {
    let server = server().await;
    let gate = Gate::new();
    server.answer(Answer::text(200, "read").until_close().wait(&gate).reset());
    let mut response = get(&server).await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "read");
    gate.open();
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn an_endless_stream_ends_when_the_client_leaves() {
    let server = server().await;
    server.answer(Answer::sse(["start"]).endless([Step::Write(Bytes::from("more"))]));
    let mut response = get(&server).await;
    let mut text = String::new();
    while text.len() < 100 {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.starts_with("data: start\n\nmoremore"));
    drop(response);
    let left = server.client_left(0).await.expect("the client left before the end");
    assert_eq!(server.writes()[0].left, Some(left));
    assert!(left >= server.writes()[0].body[0].at);
}

#[tokio::test]
async fn a_client_that_leaves_while_the_server_waits_is_seen() {
    let server = server().await;
    server.answer(Answer::sse(["one"]).wait(&Gate::new()));
    let mut response = get(&server).await;
    response.chunk().await.unwrap();
    drop(response);
    assert!(server.client_left(0).await.is_some());
}

#[tokio::test]
async fn a_client_that_gives_up_before_the_headers_is_seen() {
    let server = server().await;
    server.answer(Answer::status(200).hang(&Gate::new()));
    let call = tokio::spawn(reqwest::get(server.url()));
    server.hits_reach(1).await;
    call.abort();
    assert!(server.client_left(0).await.is_some());
    assert_eq!(server.writes()[0].head, None);
}

#[tokio::test]
async fn an_endless_stream_leaves_room_for_other_requests() {
    let server = server().await;
    server.answer(Answer::stream("text/plain").endless([Step::Pause(Duration::ZERO)]));
    server.answer(Answer::text(200, "second"));
    let _first = get(&server).await;
    assert_eq!(get(&server).await.text().await.unwrap(), "second");
}
