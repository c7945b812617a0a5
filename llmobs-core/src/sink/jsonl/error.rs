//! Why a file cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be used for records; the message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{} {}; {}", problem.what(), path.display(), problem.remedy())]
pub struct JsonLinesError {
    path: PathBuf,
    problem: Problem,
    source: Option<io::Error>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Problem {
    Open,
    NotAFile,
    Lock,
    Repair,
    AllHeld,
}

impl JsonLinesError {
    pub(super) fn new(path: &Path, problem: Problem, source: Option<io::Error>) -> Self {
        Self { path: path.to_owned(), problem, source }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Problem {
    fn what(self) -> &'static str {
        match self {
            Self::Open => "cannot open",
            Self::NotAFile => "cannot keep records in",
            Self::Lock => "cannot lock",
            Self::Repair => "cannot repair the last line of",
            Self::AllHeld => "cannot find a free name beside",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Open => "check that its directory exists and that both may be written",
            Self::NotAFile => "it is no regular file, which `JsonLines::writer` can write to",
            Self::Lock => {
                "if its file system has no locks, choose another or use `JsonLines::writer`"
            }
            Self::Repair => "check that it may be read and written, or move it away",
            Self::AllHeld => "close some of the sinks that write there",
        }
    }
}
