//! A collector on this machine, in a process of its own: it reads, waits, answers 200, and counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, thread};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// The first argument of a process that is to be a collector; the second is its pause in milliseconds.
pub(crate) const COLLECTOR: &str = "collector";

/// A collector that runs.
pub(crate) struct Collector {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// Where it listens, without a path.
    pub(crate) url: String,
}

impl Collector {
    /// Starts one that takes so long to answer.
    pub(crate) fn start(pause: Duration) -> Self {
        let mut process = Command::new(env::current_exe().expect("a bench knows its own file"))
            .args([COLLECTOR, &pause.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let stdin = process.stdin.take().expect("it is piped");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut collector = Self { process, stdin, stdout, url: String::new() };
        collector.url = format!("http://{}", collector.line());
        collector
    }

    /// Spans that have arrived in requests that were answered.
    pub(crate) fn spans(&mut self) -> u64 {
        self.stdin.write_all(b"\n").expect("it is there");
        self.line().parse().expect("it says a number")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it says something");
        line.trim().to_owned()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the process of a collector does, until nobody asks any more.
#[expect(clippy::print_stdout, reason = "this is how it is spoken to")]
pub(crate) fn serve(pause: &str) {
    let pause = Duration::from_millis(pause.parse().expect("a number of milliseconds"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    println!("{}", listener.local_addr().expect("it is bound"));
    let spans = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&spans);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                exchanges(stream, |body| {
                    thread::sleep(pause);
                    count.fetch_add(decoded(body).len() as u64, Ordering::Relaxed);
                });
            });
        }
    });
    for _ in std::io::stdin().lines() {
        println!("{}", spans.load(Ordering::Relaxed));
    }
}

/// What `send` sends as spans to the address that it is given.
pub(crate) fn received(send: impl FnOnce(String)) -> Vec<Span> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody sends");
        let mut spans = Vec::new();
        exchanges(stream, |body| spans.extend(decoded(body)));
        spans
    });
    send(format!("http://{addr}"));
    server.join().expect("it answers")
}

fn decoded(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("a request of OTLP");
    let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
    scopes.flat_map(|of| of.spans).collect()
}

/// Answers each request on a connection once `handle` is done with its body.
fn exchanges(stream: TcpStream, mut handle: impl FnMut(&[u8])) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        handle(&body);
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if reader.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}
