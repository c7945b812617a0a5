//! Instruction counts by thread: the bench runs itself under valgrind's callgrind.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// What one thread of a run took, in instructions.
#[derive(Debug, Default)]
pub(crate) struct Thread {
    /// The main thread is the first.
    pub(crate) number: u32,
    pub(crate) total: f64,
    /// Of each function, with everything it calls.
    functions: HashMap<String, f64>,
}

impl Thread {
    /// Instructions of a function, with everything it calls; `name` is the end of its path.
    pub(crate) fn function(&self, name: &str) -> f64 {
        let same = |(known, _): &(&String, _)| known.ends_with(name);
        self.functions.iter().filter(same).map(|(_, count)| count).sum()
    }

    /// Whether the thread has been in code whose path holds `name`.
    pub(crate) fn ran(&self, name: &str) -> bool {
        self.functions.keys().any(|known| known.contains(name))
    }
}

/// Whether valgrind can be had.
pub(crate) fn available() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Runs this program with `args` under callgrind and gives the counts of each of its threads.
pub(crate) fn run(args: &[String]) -> Vec<Thread> {
    let folder = tempfile::tempdir().expect("a folder for the counts");
    let out = folder.path().join("counts");
    let status = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("a bench knows its own file"))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "valgrind fails on {args:?}");
    read_folder(folder.path())
}

fn read_folder(folder: &Path) -> Vec<Thread> {
    let files = fs::read_dir(folder).expect("the folder is ours").flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let threads = texts.map(|text| read(&text)).filter(|thread| thread.total > 0.0);
    threads.collect()
}

/// Reads callgrind's format: costs stand in the block of their function, those of a call after the
/// line that names it, so that the lines of a block add up to what the function took in all.
fn read(text: &str) -> Thread {
    let mut thread = Thread::default();
    let mut names = HashMap::new();
    let mut name = |text: &str| {
        let (id, name) = text.split_once(' ').unwrap_or((text, ""));
        let known = names.entry(id.to_owned()).or_insert_with(|| name.to_owned());
        known.clone()
    };
    let mut function = String::new();
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("thread: ") {
            thread.number = number.parse().unwrap_or_default();
        } else if let Some(total) = line.strip_prefix("totals: ") {
            thread.total = total.trim().parse().unwrap_or_default();
        } else if let Some(text) = line.strip_prefix("fn=") {
            function = name(text);
        } else if let Some(text) = line.strip_prefix("cfn=") {
            name(text);
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<f64>().ok());
            *thread.functions.entry(function.clone()).or_default() += cost.unwrap_or(0.0);
        }
    }
    thread
}
