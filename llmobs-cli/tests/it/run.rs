//! Running the binary.

use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

/// What a run wrote, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// The binary, deaf to the environment the tests run in.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmobs"));
    command.args(args).env_remove("NO_COLOR").env_remove("COLUMNS");
    command
}

pub(crate) fn run(args: &[&str]) -> Ran {
    run_with(args, b"")
}

/// Runs it with `input` on standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Ran {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let output = std::thread::scope(|threads| {
        // Beside it, since it may write before it has read everything.
        threads.spawn(move || {
            // A run that refuses its arguments reads nothing.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("the binary ends")
    });
    Ran {
        out: String::from_utf8(output.stdout).expect("the output is UTF-8"),
        err: String::from_utf8(output.stderr).expect("the complaints are UTF-8"),
        code: output.status.code().expect("the binary was not killed"),
    }
}

/// A file with these bytes, gone at the end of the test.
pub(crate) fn file(bytes: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(bytes.as_ref()).expect("it can be written");
    file
}

pub(crate) fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("temporary paths are UTF-8")
}

/// The output of a run that must go well and have nothing to complain of.
#[track_caller]
pub(crate) fn good(args: &[&str]) -> String {
    let ran = run(args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    ran.out
}

/// The same, read as JSON.
#[track_caller]
pub(crate) fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&good(args)).expect("the output is JSON")
}
