//! The collector.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Running, free, until};
use crate::receiver::Receiver;
use crate::tool::Tool;

/// A collector, and the receiver behind it.
#[derive(Debug)]
pub struct Collector {
    program: PathBuf,
    http: SocketAddr,
    grpc: SocketAddr,
    folder: TempDir,
    running: Option<Running>,
    receiver: Receiver,
}

impl Collector {
    /// Starts one; `None` where there is none.
    pub fn start() -> Option<Self> {
        let mut collector = Self::down()?;
        collector.up();
        Some(collector)
    }

    /// One that has its addresses and is not running yet; `None` where there is none.
    pub fn down() -> Option<Self> {
        let program = Tool::Collector.find()?;
        let folder = TempDir::new().expect("a folder for its files");
        let (http, grpc) = (free(), free());
        let receiver = Receiver::start();
        Some(Self { program, http, grpc, folder, running: None, receiver })
    }

    /// Starts it, at the same addresses as before, and waits until it takes connections.
    pub fn up(&mut self) {
        let file = |name: &str| self.folder.path().join(name);
        let running = until("the collector is up", || {
            let mut command = Command::new(&self.program);
            command
                .arg("start")
                .args(["--otlp-http-endpoint", &self.http.to_string()])
                .args(["--otlp-grpc-endpoint", &self.grpc.to_string()])
                .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
                .args(["--otlp-exporter-endpoint", &self.receiver.url()])
                .args(["--otlp-exporter-retry-initial-backoff", "100ms"])
                .args(["--batch-timeout", "20ms"])
                .arg("--pid-file")
                .arg(file("pid"))
                .arg("--log-file")
                .arg(file("log"));
            let mut running = Running::start(&mut command, file("output"));
            // Whoever has one of its ports may go away.
            let up = running.listens(self.http) && running.listens(self.grpc);
            up.then_some(running)
        });
        self.running = Some(running);
    }

    /// Stops it; what it has taken is then at the receiver.
    pub fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            running.finish();
        }
    }

    /// Where it takes OTLP over HTTP, without a path.
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where it takes OTLP over gRPC.
    pub fn grpc(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// What has come out of it so far.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.running.as_ref().map(Running::said).unwrap_or_default()
    }
}
