//! A process of this program that is told what to do, a line each.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a bench knows its own file");
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("a bench can run itself");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it was asked for");
        Self { child, input, output: BufReader::new(output).lines() }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is taken at the end");
        writeln!(input, "{line}").expect("the process listens");
    }

    pub(crate) fn hear(&mut self) -> Value {
        let line = self.output.next().expect("the process answers").expect("in UTF-8");
        serde_json::from_str(&line).expect("in JSON")
    }

    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.tell(line);
        self.hear()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
