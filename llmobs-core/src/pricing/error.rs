//! Why there is no price table.

use std::path::{Path, PathBuf};

/// A price table that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// Its file cannot be read.
    #[error("the price table {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its text is not JSON of the form of a table.
    #[error("line {line}, column {column} of the price table: {reason}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An entry says something that cannot be.
    #[error("entry {entry} of the price table, {models}, for {provider}: {reason}")]
    Entry {
        /// Which one, from 1, through all lists.
        entry: usize,
        /// Its models.
        models: String,
        /// The provider of its list.
        provider: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl PriceError {
    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}
