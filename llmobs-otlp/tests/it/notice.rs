//! What an endpoint says of what it took.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use llmobs_core::testing::samples;
use llmobs_core::{Batch, Sink};
use llmobs_otlp::{Otlp, OtlpSink};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::global::alone_in;
use crate::receiver::{Answer, Receiver};

/// Passes on what events of ours say.
struct Heard(Sender<String>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "llmobs" {
            let mut text = Text::default();
            event.record(&mut text);
            let _ = self.0.send(text.0);
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?};");
    }
}

fn deliver(sink: &mut OtlpSink) {
    let (meta, records) = (samples::file_start(), [Arc::new(samples::dropped())]);
    sink.deliver(&Batch { records: &records, meta: &meta }).expect("it is taken");
}

fn saying(message: &str) -> Answer {
    let error_message = message.to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans: 0, error_message });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    Answer { body, ..Answer::default() }
}

#[test]
fn a_word_without_a_rejection_is_passed_on_once_and_an_empty_one_never() {
    alone_in(
        "notice",
        "a_word_without_a_rejection_is_passed_on_once_and_an_empty_one_never",
        || {
            let (tell, heard) = channel();
            let subscriber = tracing_subscriber::registry().with(Heard(tell));
            tracing::subscriber::set_global_default(subscriber).expect("it is the first");
            let receiver = Receiver::start();
            let sink = || {
                let otlp = Otlp::new().endpoint(&receiver.url()).expect("a URL");
                otlp.sink().expect("a sink")
            };
            let mut first = sink();
            for message in ["", "old client", "old client"] {
                receiver.answer(saying(message));
                deliver(&mut first);
            }
            let wait = || heard.recv_timeout(Duration::from_secs(20)).expect("it is passed on");
            let said = wait();
            assert!(said.contains(r#"said="old client""#), "{said}");
            receiver.answer(saying("the end"));
            deliver(&mut sink());
            let said = wait();
            assert!(said.contains(r#"said="the end""#), "{said}");
        },
    );
}
