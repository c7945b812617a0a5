//! Programs that the tests run, and where they are.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program that is no part of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A collector: rotel.
    Collector,
    /// Prometheus.
    Prometheus,
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Self::Collector => "rotel-agent",
            Self::Prometheus => "prometheus",
        }
    }

    /// Environment variable that names one of your own.
    fn variable(self) -> &'static str {
        match self {
            Self::Collector => "LLMOBS_TEST_ROTEL",
            Self::Prometheus => "LLMOBS_TEST_PROMETHEUS",
        }
    }

    /// Where it is, fetched if need be; `None`, and a loud word, where it cannot be had.
    ///
    /// # Panics
    ///
    /// When it cannot be had and `CI` is set: there, a test that is skipped tests nothing.
    pub fn find(self) -> Option<PathBuf> {
        if let Some(path) = env::var_os(self.variable()) {
            return Some(path.into());
        }
        let path = folder().join(self.program());
        let why = if path.exists() { None } else { installed().as_deref() };
        if path.exists() {
            return Some(path);
        }
        let why = why.unwrap_or("it was not installed");
        let (program, variable) = (self.program(), self.variable());
        assert!(env::var_os("CI").is_none(), "{program} is missing: {why}");
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {program} is missing ({why}); {variable} can name one"
        );
        None
    }
}

/// A folder of the target directory, which this program is in, too.
fn folder() -> PathBuf {
    let program = env::current_exe().expect("this program has a path");
    let target = program.ancestors().find(|path| {
        let profile = path.file_name().unwrap_or_default();
        !["deps", "debug", "release"].iter().any(|name| profile == *name) && path.is_dir()
    });
    target.unwrap_or(Path::new("target")).join("collector")
}

/// Installs what is missing, once; gives the reason why it could not be done.
fn installed() -> &'static Option<String> {
    static INSTALLED: OnceLock<Option<String>> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
        let output = Command::new("bash").arg(script).arg(folder()).output();
        match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Some(said.lines().collect::<Vec<_>>().join("; "))
            }
            Err(err) => Some(format!("bash cannot be run: {err}")),
        }
    })
}
