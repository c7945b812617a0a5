//! A service of its own process, as those who use llmobs have one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Which OpenTelemetry the service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None: `tracing` spans reach llmobs through `llmobs::layer()`.
    Own,
    /// A provider that it tells nobody of: its `tracing` spans go there, llmobs exports by itself.
    Beside,
    /// A global provider, for its `tracing` spans and those of llmobs.
    Attached,
}

/// The running service; it is killed when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    // It stops when this is closed.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Mode {
    /// How it is told to the service.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Beside => "beside",
            Self::Attached => "attached",
        }
    }
}

impl Service {
    /// Starts `program` with these variables and no others, and waits until it serves.
    pub fn start(program: &str, mode: Mode, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.arg(mode.name()).env_clear().envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the service can be run");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut stdout = BufReader::new(stdout.expect("it is piped"));
        let mut url = String::new();
        stdout.read_line(&mut url).expect("it says where it is");
        Self { child, stdin, stdout, url: url.trim().to_owned() }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets it shut down; gives what it said then.
    ///
    /// # Panics
    ///
    /// When it ends with an error.
    pub fn finish(mut self) -> String {
        drop(self.stdin.take());
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).expect("it says text");
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "the service ended with {status}: {said}");
        said
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
