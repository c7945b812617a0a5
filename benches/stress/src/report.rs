//! What a scenario has to tell.

use std::fmt::{self, Write};

use crate::account::Row;

/// A promise that did not hold, or a scenario that could not be run.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Broken {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// For what has to work for the scenario to be run at all.
    pub(crate) fn by<E: std::error::Error>(what: &str) -> impl FnOnce(E) -> Self {
        let what = what.to_owned();
        move |err| Self(format!("{what}: {err}"))
    }

    #[must_use]
    pub(crate) fn within(self, place: &str) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// Fails the scenario, with a message, where a promise does not hold.
pub(crate) fn promise(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

/// What a scenario did, and what came of it, as Markdown.
#[derive(Debug)]
pub struct Report {
    title: &'static str,
    did: String,
    rows: Vec<Row>,
    figures: Vec<(String, String)>,
    table: Vec<Vec<String>>,
}

impl Report {
    pub(crate) fn new(title: &'static str, did: impl Into<String>) -> Self {
        Self { title, did: did.into(), rows: Vec::new(), figures: Vec::new(), table: Vec::new() }
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn figure(&mut self, what: impl Into<String>, value: impl Into<String>) {
        self.figures.push((what.into(), value.into()));
    }

    /// A line of a table of the scenario's own; the first is its head.
    pub(crate) fn line<const N: usize>(&mut self, cells: [String; N]) {
        self.table.push(cells.into());
    }

    /// The scenario's name.
    pub fn title(&self) -> &str {
        self.title
    }

    /// How many accounts were settled.
    pub fn accounts(&self) -> usize {
        self.rows.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", self.title, self.did)?;
        if !self.rows.is_empty() {
            let head = Row::HEAD.map(str::to_owned);
            let rows = self.rows.iter().map(|row| row.cells().into());
            table(f, &[head.to_vec()].into_iter().chain(rows).collect::<Vec<_>>(), 2)?;
        }
        if !self.table.is_empty() {
            table(f, &self.table, 1)?;
        }
        if !self.figures.is_empty() {
            let head = vec![String::new(), String::new()];
            let rows = self.figures.iter().map(|(what, value)| vec![what.clone(), value.clone()]);
            table(f, &[head].into_iter().chain(rows).collect::<Vec<_>>(), 1)?;
        }
        Ok(())
    }
}

/// The first of the lines is the head; numbers, from column `left` on, stand on the right.
fn table(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>], left: usize) -> fmt::Result {
    for (n, line) in lines.iter().enumerate() {
        writeln!(f, "| {} |", line.join(" | "))?;
        if n == 0 {
            let rule = (0..line.len()).map(|column| if column < left { "---" } else { "--:" });
            writeln!(f, "|{}|", rule.collect::<Vec<_>>().join("|"))?;
        }
    }
    writeln!(f)
}

/// A number with commas.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in MiB, with one decimal.
pub(crate) fn mib(bytes: u64) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = write!(text, "{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    text
}

/// How many in how long.
pub(crate) fn per_second(n: u64, time: std::time::Duration) -> String {
    format!("{} a second", number((n as f64 / time.as_secs_f64().max(1e-9)) as u64))
}
