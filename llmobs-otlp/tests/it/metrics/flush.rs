//! An endpoint that hangs holds up nobody.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use llmobs_core::{Batch, Builder, Llmobs, Sink, SinkError};
use llmobs_otlp::Otlp;

use super::names;
use crate::receiver::{Answer, Receiver};
use crate::scene::{Fields, quick_call};

/// Longer than any test waits: what waits for the endpoint fails them.
const HANGING: Duration = Duration::from_secs(600);
const LONG: Duration = Duration::from_secs(60);

/// Tells the model of each record it gets.
#[derive(Debug)]
struct Tell(Sender<Option<String>>);

impl Sink for Tell {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records {
            let _ = self.0.send(record.model.clone());
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "tell"
    }
}

fn start(metrics: &str, sink: impl Sink) -> Llmobs {
    let otlp = Otlp::new()
        .metric_interval(Duration::from_secs(3_600))
        .timeout(HANGING)
        .metrics_endpoint(metrics)
        .expect("a URL");
    let builder = Builder::new().process_wide(false).decoder(Fields).sink(sink);
    otlp.install(builder).start().expect("threads can be started")
}

#[test]
fn an_endpoint_that_hangs_holds_up_no_record_no_flush_and_no_shutdown() {
    // The system takes the connection, and nobody answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}/v1/metrics", silent.local_addr().expect("the port"));
    let (told, arrived) = channel();
    let llmobs = start(&url, Tell(told));
    quick_call(&llmobs, "first");
    let err = llmobs.flush(Duration::from_millis(200)).expect_err("the metrics are not delivered");
    assert_eq!(err.failed_sinks(), [""; 0], "it is not known yet");
    for model in ["second", "third"] {
        quick_call(&llmobs, model);
    }
    let models: Vec<_> = (0..3).map(|_| arrived.recv_timeout(LONG).expect("a record")).collect();
    let models: Vec<_> = models.iter().map(Option::as_deref).collect();
    assert_eq!(models, [Some("first"), Some("second"), Some("third")]);
    // A second flush waits for the first, and takes no second thread.
    llmobs.flush(Duration::from_millis(50)).expect_err("the metrics are not delivered");
    quick_call(&llmobs, "fourth");
    assert_eq!(arrived.recv_timeout(LONG).expect("a record").as_deref(), Some("fourth"));
    llmobs.shutdown(Duration::from_millis(200)).expect_err("the metrics are not delivered");
}

#[test]
fn a_flush_and_a_shutdown_that_bring_out_no_metrics_say_so() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}/v1/metrics", closed.local_addr().expect("the port"));
    drop(closed);
    let llmobs = start(&url, Tell(channel().0));
    quick_call(&llmobs, "m");
    let err = llmobs.flush(LONG).expect_err("nothing listens there");
    assert_eq!(err.failed_sinks(), ["otlp_metrics"]);
    quick_call(&llmobs, "m");
    let err = llmobs.shutdown(LONG).expect_err("nothing listens there");
    assert_eq!(err.failed_sinks(), ["otlp_metrics"]);
}

#[test]
fn a_flush_waits_for_an_endpoint_that_is_slow() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    receiver.answer(Answer { delay: Duration::from_millis(300), ..Answer::default() });
    let llmobs = start(&url, Tell(channel().0));
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect("it is delivered");
    assert!(names(&receiver).iter().any(|name| name == "gen_ai.client.inference.duration"));
}

#[test]
fn a_shutdown_brings_out_what_came_last_and_once() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let llmobs = start(&url, Tell(channel().0));
    quick_call(&llmobs, "m");
    llmobs.shutdown(LONG).expect("it is delivered");
    drop(llmobs);
    assert_eq!(receiver.metric_requests().len(), 1);
    assert!(names(&receiver).iter().any(|name| name == "gen_ai.client.inference.duration"));
}

#[test]
fn metrics_leave_by_themselves_and_end_with_the_recorder() {
    let receiver = Receiver::start();
    let otlp = Otlp::new()
        .metric_interval(Duration::from_millis(5))
        .metrics_endpoint(&format!("{}/v1/metrics", receiver.url()))
        .expect("a URL");
    let builder = Builder::new().process_wide(false).decoder(Fields);
    let llmobs = otlp.install(builder).start().expect("threads can be started");
    quick_call(&llmobs, "m");
    let deadline = Instant::now() + LONG;
    while receiver.metric_requests().len() < 3 {
        assert!(Instant::now() < deadline, "nothing leaves without a flush");
        std::thread::yield_now();
    }
    llmobs.shutdown(LONG).expect("it is delivered");
    let sent = receiver.metric_requests().len();
    drop(llmobs);
    assert_eq!(receiver.metric_requests().len(), sent, "nothing comes after the end");
}
