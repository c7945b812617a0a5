//! A wire format of your own, and a client that llmobs does not know.
//!
//! ```console
//! $ cargo run --example own_decoder
//! ```
//!
//! The format is made up. A request is `{"ask": …, "of": model}`; the answer is a stream of
//! `{"word": …}`, and at last `{"end": reason, "read": tokens, "wrote": tokens}`.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use llmobs::{
    BodyEnd, CallStart, Capture, Closing, Console, Decoder, Event, EventFacts, Fold, Record,
    Recorder, Route, Target, TransportError, semconv,
};
use llmobs_testserver::{Answer, Server};
use serde_json::{Value, json};

/// The format: which exchanges are in it, and what their bytes say.
#[derive(Debug)]
struct Oracle;

impl Decoder for Oracle {
    /// Runs where the call is made, so it only looks at the path.
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let operation = semconv::operation::TEXT_COMPLETION;
        let route = Route { operation, api: "oracle", provider: Some("oracle.example") };
        target.path.ends_with("/oracle").then_some(route)
    }

    /// Runs on the recorder's thread, as does all that follows.
    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        record.model = text(&request, "of");
        record.stream = Some(true);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Words::default())
    }
}

/// One answer, as far as it has come.
#[derive(Debug, Default)]
struct Words {
    words: u64,
    last: Option<Value>,
}

impl Fold for Words {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        match serde_json::from_slice::<Value>(event.data) {
            Ok(value) if value.get("word").is_some() => {
                self.words += 1;
                // Output: the times of the first and the last token are taken from these.
                EventFacts { output: true, ..EventFacts::default() }
            }
            Ok(value) => {
                self.last = Some(value);
                EventFacts::default()
            }
            Err(_) => EventFacts { malformed: true, ..EventFacts::default() },
        }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        // This format has no answers but streams.
        false
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        if let Some(last) = &self.last {
            record.finish_reason = text(last, "end");
            record.input_tokens = last.get("read").and_then(Value::as_u64);
            record.output_tokens = last.get("wrote").and_then(Value::as_u64);
        }
        Closing {
            complete: self.last.is_some(),
            choices: 1,
            output_events_per_choice: self.words,
            ..Closing::default()
        }
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

/// Any client can be observed: say when the call begins, what passes, and when it ends.
async fn ask(http: &reqwest::Client, url: &str, question: &str) -> Result<(), reqwest::Error> {
    let body = json!({ "ask": question, "of": "delphi-2" }).to_string();
    let request = http.post(url).body(body.clone()).build()?;
    let target = Target {
        method: request.method().as_str(),
        host: request.url().host_str().unwrap_or_default(),
        port: request.url().port_or_known_default(),
        path: request.url().path(),
    };
    let start = CallStart { target, body: Some(body.into()), body_len: None };
    let call = Recorder::current().and_then(|recorder| recorder.call(start));

    let attempt = call.as_ref().map(|call| call.handle().attempt());
    let mut response = match http.execute(request).await {
        Ok(response) => response,
        Err(err) => {
            call.into_iter().for_each(|call| call.failed(TransportError::Other));
            return Err(err);
        }
    };
    let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut tap = attempt.map(|attempt| attempt.headers(response.status().as_u16(), headers));
    call.into_iter().for_each(|call| call.returned());

    // From here on the tap is the call: dropped half-way, it records that the reader has left.
    let end = loop {
        match response.chunk().await {
            Ok(Some(piece)) => tap.iter_mut().for_each(|tap| tap.data(&piece)),
            Ok(None) => break Ok(()),
            Err(err) => break Err(err),
        }
        print!(".");
        let _ = std::io::stdout().flush();
    };
    println!();
    let told = match &end {
        Ok(()) => BodyEnd::Complete,
        Err(_) => BodyEnd::Failed(TransportError::Broken),
    };
    tap.iter_mut().for_each(|tap| tap.end(told));
    end
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start().await?;
    let mut answer = Answer::stream("text/event-stream").pause(Duration::from_millis(200));
    for word in "You will cross the river and a great empire will fall".split(' ') {
        answer = answer.write(format!("data: {}\n\n", json!({ "word": word })));
        answer = answer.pause(Duration::from_millis(30));
    }
    let last = json!({ "end": "stop", "read": 9, "wrote": 11 });
    server.answer(answer.write(format!("data: {last}\n\n")));

    let llmobs = llmobs::builder().decoder(Oracle).sink(Console::new(std::io::stdout())).start()?;
    ask(&reqwest::Client::new(), &format!("{}/oracle", server.url()), "Shall I go to war?").await?;
    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    Ok(())
}
