//! What goes wrong at the other end of a connection.

use std::time::Duration;

use llmobs::otlp::Otlp;
use llmobs_core::Limits;
use llmobs_testserver::{Answer, Gate};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::{Between, IMPATIENT, PATIENT, builder, case, nothing};
use crate::receiver::Receiver;
use crate::report::{Broken, Report};

/// Longest time an answer may take.
const TIMEOUT: Duration = Duration::from_millis(200);

pub(super) fn run(report: &mut Report) -> Result<(), Broken> {
    never(report)?;
    nonsense(report)?;
    refusals(report)?;
    full_spool(report)
}

/// Sends the calls to a receiver, and settles with what it has taken.
fn sent(
    name: &str,
    receiver: &Receiver,
    patience: Duration,
    report: &mut Report,
) -> Result<(), Broken> {
    let otlp = Otlp::new().traces_endpoint(&format!("{}/v1/traces", receiver.url()));
    let otlp = otlp.map_err(Broken::by("no endpoint"))?.timeout(TIMEOUT);
    let during: (_, Between<'_>) = (patience, &mut nothing);
    case(name, otlp.install(builder()), "otlp", during, &|| Ok(receiver.arrival()), report)
}

fn never(report: &mut Report) -> Result<(), Broken> {
    let gate = Gate::new();
    let hangs = gate.clone();
    let receiver = Receiver::with(move |_, _| (Answer::status(200).hang(&hangs), 0))?;
    let result = sent("a receiver that never answers", &receiver, IMPATIENT, report);
    gate.open();
    result?;
    let slow = |_, spans| (Answer::status(200).delay_headers(Duration::from_millis(20)), spans);
    sent("a receiver that is slow", &Receiver::with(slow)?, PATIENT, report)
}

fn nonsense(report: &mut Report) -> Result<(), Broken> {
    let page = "<!doctype html><html><head><title>Sign in</title></head></html>";
    let cases: [(&str, Answer); 5] = [
        ("a receiver that answers with a page", Answer::bytes(200, "text/html", page)),
        ("a receiver that speaks something else", Answer::raw("SSH-2.0-OpenSSH_9.6\r\n")),
        ("a receiver that hangs up", Answer::status(200).close_before_headers()),
        ("a receiver that breaks down", Answer::text(500, "stack trace")),
        ("a receiver that has enough", Answer::status(429).header("retry-after", "0")),
    ];
    for (name, answer) in cases {
        // Every second request is taken.
        let receiver = Receiver::with(move |request, spans| {
            if request % 2 == 0 { (answer.clone(), 0) } else { (Answer::status(200), spans) }
        })?;
        sent(name, &receiver, PATIENT, report)?;
    }
    // What has been taken is not sent again for want of the rest of the answer.
    let half = Answer::status(200).declared_length(9).write("x").cut();
    let receiver = Receiver::with(move |_, spans| (half.clone(), spans))?;
    sent("a receiver whose answer breaks off", &receiver, PATIENT, report)
}

fn refusals(report: &mut Report) -> Result<(), Broken> {
    let receiver = Receiver::with(|request, spans| {
        if request % 3 == 0 { (Answer::status(400), 0) } else { (Answer::status(200), spans) }
    })?;
    let name = "a receiver that says each third request is wrong, which is then sent in parts";
    sent(name, &receiver, PATIENT, report)?;
    let receiver = Receiver::with(|request, spans| {
        if request % 3 == 0 { (Answer::status(403), 0) } else { (Answer::status(200), spans) }
    })?;
    sent("a receiver that forbids each third request", &receiver, PATIENT, report)?;
    let receiver = Receiver::with(|_, spans| {
        let refused = spans.min(3);
        let error_message = "too old".to_owned();
        let partial_success =
            Some(ExportTracePartialSuccess { rejected_spans: refused as i64, error_message });
        let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        (Answer::bytes(200, "application/x-protobuf", body), spans - refused)
    })?;
    sent("a receiver that refuses three of each request", &receiver, PATIENT, report)
}

/// A receiver that is away for most of the time, and little room for what waits.
fn full_spool(report: &mut Report) -> Result<(), Broken> {
    let mut receiver = Receiver::start()?;
    let otlp = Otlp::new().traces_endpoint(&format!("{}/v1/traces", receiver.url()));
    let otlp = otlp.map_err(Broken::by("no endpoint"))?.timeout(TIMEOUT);
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let mut limits = Limits::default();
    limits.sink_records = 20;
    let builder = otlp.install(builder().limits(limits));
    let builder = builder.spool(directory.path()).spool_bytes(100_000);
    receiver.away();
    let receiver = std::cell::RefCell::new(receiver);
    let mut back = |round| {
        if round + 1 == super::ROUNDS { receiver.borrow_mut().back() } else { Ok(()) }
    };
    let arrived = || Ok(receiver.borrow().arrival());
    let name = "a receiver that is away, and a spool that is full";
    case(name, builder, "otlp", (PATIENT, &mut back), &arrived, report)
}
