//! Records and exchanges from files, line by line, whatever else is in them.
//!
//! A file is read in bounded memory: one line at a time, none longer than [`LINE_BYTES`]. A line
//! that is no record (not UTF-8, not JSON, of the wrong shape, torn, too long) is counted and
//! skipped. Fields, kinds and names this version does not know are accepted.

mod exchange;
mod lines;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use llmobs_core::Record;

pub use self::exchange::Recorded;
use self::lines::Lines;
pub use self::lines::{Damage, LINE_BYTES};

/// How many damaged lines are named.
const NAMED: usize = 5;

/// How gzip and zstd files begin; a thousand damaged lines would say less than one message.
const MAGICS: [&[u8]; 2] = [GZIP, b"\x28\xb5\x2f\xfd"];
const GZIP: &[u8] = b"\x1f\x8b";

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file, a pipe or a device with a name.
    Path(PathBuf),
}

impl Source {
    /// The source a command line names; `-` is standard input.
    pub fn named(name: PathBuf) -> Self {
        if name.as_os_str() == "-" { Self::Stdin } else { Self::Path(name) }
    }

    /// Whether it can be read a second time.
    pub fn is_rereadable(&self) -> bool {
        match self {
            Self::Stdin => false,
            Self::Path(path) => path.metadata().is_ok_and(|facts| facts.is_file()),
        }
    }

    /// Makes sure it can be read, without reading it.
    ///
    /// # Errors
    ///
    /// When it is not there, is a directory, or may not be read.
    pub fn check(&self) -> Result<(), InputError> {
        let Self::Path(path) = self else { return Ok(()) };
        let facts = path.metadata().map_err(|source| self.error("opened", source))?;
        if facts.is_dir() {
            return Err(self.error("read", io::Error::other("it is a directory")));
        }
        // Opening a pipe would wait for its writer, and take the first bytes from the reader.
        if facts.is_file() {
            self.open()?;
        }
        Ok(())
    }

    /// Reads every record, in order, and counts what is none.
    ///
    /// # Errors
    ///
    /// When the source cannot be opened, is compressed, or reading breaks off.
    pub fn read(
        &self,
        damaged: &mut Damaged,
        mut each: impl FnMut(&Record),
    ) -> Result<(), InputError> {
        let mut reader = BufReader::with_capacity(64 * 1024, self.open()?);
        let beginning = reader.fill_buf().map_err(|err| self.error("read", err))?;
        if MAGICS.iter().any(|magic| beginning.starts_with(magic)) {
            let hint = "it is compressed; decompress it into `llmobs … -`";
            return Err(self.error("read", io::Error::other(hint)));
        }
        let each = |record: Box<Record>| {
            each(&record);
            Ok(ControlFlow::Continue(()))
        };
        self.read_lines(reader, damaged, lines::record, each)
    }

    /// Reads every exchange, in order, from plain or gzip-compressed lines, until `each` has had
    /// enough. Lines that are none are counted, and so are those that `each` finds damaged.
    ///
    /// # Errors
    ///
    /// When the source cannot be opened, or reading breaks off.
    pub fn read_exchanges(
        &self,
        damaged: &mut Damaged,
        each: impl FnMut(Recorded) -> Result<ControlFlow<()>, Damage>,
    ) -> Result<(), InputError> {
        let mut reader = BufReader::with_capacity(64 * 1024, self.open()?);
        let beginning = reader.fill_buf().map_err(|err| self.error("read", err))?;
        let reader: Box<dyn BufRead> = if beginning.starts_with(GZIP) {
            Box::new(BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(reader)))
        } else {
            Box::new(reader)
        };
        let parse = |line: &[u8]| lines::object(line, Damage::NotAnExchange);
        self.read_lines(reader, damaged, parse, each)
    }

    fn read_lines<T>(
        &self,
        reader: impl BufRead,
        damaged: &mut Damaged,
        parse: impl Fn(&[u8]) -> Result<T, Damage>,
        mut each: impl FnMut(T) -> Result<ControlFlow<()>, Damage>,
    ) -> Result<(), InputError> {
        let mut lines = Lines::new(reader);
        while let Some((number, line)) =
            lines.next(&parse).map_err(|err| self.error("read", err))?
        {
            match line.and_then(&mut each) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(damage) => damaged.add(self, number, damage),
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn Read>, InputError> {
        Ok(match self {
            Self::Stdin => Box::new(io::stdin().lock()),
            Self::Path(path) => {
                Box::new(File::open(path).map_err(|source| self.error("opened", source))?)
            }
        })
    }

    fn error(&self, verb: &'static str, source: io::Error) -> InputError {
        InputError { name: self.to_string(), verb, source }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A source that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be {verb}")]
pub struct InputError {
    name: String,
    verb: &'static str,
    source: io::Error,
}

/// Lines that are not what they should be.
#[derive(Clone, Debug, Default)]
pub struct Damaged {
    count: u64,
    first: Vec<(String, u64, Damage)>,
}

impl Damaged {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn add(&mut self, source: &Source, line: u64, damage: Damage) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push((source.to_string(), line, damage));
        }
    }
}

/// One line that names the first of them; empty when there are none.
impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return Ok(());
        }
        write!(f, "skipped {}: ", crate::text::counted(self.count, "damaged line"))?;
        let mut last = None;
        for (at, (source, line, damage)) in self.first.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let name = if last == Some(source) { "line" } else { source.as_str() };
            let mark = if last == Some(source) { ' ' } else { ':' };
            write!(f, "{comma}{name}{mark}{line} ({damage})")?;
            last = Some(source);
        }
        let more = self.count - self.first.len() as u64;
        if more > 0 { write!(f, " and {} more", crate::text::count(more)) } else { Ok(()) }
    }
}
