//! Recorded exchanges, and how far what was read of them agrees with what is known.
//!
//! The recordings are not part of the project. Where they are absent the tests say so and pass, but
//! not in CI.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]
#![expect(clippy::print_stderr, reason = "the agreement is for reading")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::recordings_facts::{FIELDS, expected, facts, same};

/// Where the recordings are.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings");

/// One exchange and what must be known of it.
pub(crate) struct Exchange {
    pub(crate) recorded: Value,
    pub(crate) expected: Value,
}

impl Exchange {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.recorded[field].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.text("id"), self.text("provider"), self.text("api"))
    }
}

/// The exchanges of some APIs, or, when none is named, of all; `None`, loudly, where there are none
/// to be had.
pub(crate) fn corpus(apis: &[&str]) -> Option<Vec<Exchange>> {
    let folder = Path::new(FOLDER);
    if !folder.exists() {
        assert!(std::env::var_os("CI").is_none(), "the recordings are missing");
        eprintln!("SKIPPED: no recordings at {}", folder.display());
        return None;
    }
    let lines = |name: &str| -> Vec<Value> {
        let file = std::fs::File::open(folder.join(name)).expect("the recordings can be read");
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
    };
    let (recorded, expected) = (lines("recordings.jsonl.gz"), lines("expected.jsonl.gz"));
    assert_eq!(recorded.len(), expected.len(), "the two files are joined line by line");
    let exchanges: Vec<_> = recorded
        .into_iter()
        .zip(expected)
        .map(|(recorded, expected)| Exchange { recorded, expected })
        .filter(|exchange| apis.is_empty() || apis.contains(&exchange.text("api")))
        .collect();
    assert!(!exchanges.is_empty());
    assert!(exchanges.iter().all(|it| it.recorded["id"] == it.expected["id"]));
    Some(exchanges)
}

/// Comparisons, by field and by provider.
#[derive(Default)]
pub(crate) struct Agreement {
    /// Compared, agreed and left open.
    fields: BTreeMap<&'static str, (usize, usize, usize)>,
    /// Compared and agreed.
    providers: BTreeMap<String, (usize, usize)>,
    differences: Vec<String>,
}

impl Agreement {
    /// Compares every field of a record's line with what is known of its exchange.
    pub(crate) fn add(&mut self, exchange: &Exchange, line: &Value) {
        let facts = facts(line);
        let expected = expected(&exchange.expected, &exchange.recorded);
        let provider = self.providers.entry(exchange.text("provider").to_owned()).or_default();
        for field in FIELDS {
            let (compared, agreed, ambiguous) = self.fields.entry(*field).or_default();
            if is_ambiguous(&exchange.expected, field) {
                *ambiguous += 1;
                continue;
            }
            *compared += 1;
            provider.0 += 1;
            if same(&facts[*field], &expected[*field]) {
                *agreed += 1;
                provider.1 += 1;
            } else {
                self.differences.push(format!(
                    "{} {field}: {} instead of {}",
                    exchange.name(),
                    short(&facts[*field]),
                    short(&expected[*field])
                ));
            }
        }
    }

    /// Prints the agreement; fails on any difference, and when any field of any of the exchanges
    /// was not compared.
    #[track_caller]
    pub(crate) fn assert_whole(&self, exchanges: usize) {
        assert_eq!(self.fields.len(), FIELDS.len(), "not every field was compared");
        for (field, (compared, agreed, ambiguous)) in &self.fields {
            eprintln!("{field}: {agreed}/{compared} ({ambiguous} ambiguous)");
            assert_eq!(compared + ambiguous, exchanges, "{field} was not compared everywhere");
        }
        for (provider, (compared, agreed)) in &self.providers {
            eprintln!("{provider}: {agreed}/{compared}");
        }
        let (count, shown) = (self.differences.len(), self.differences.iter().take(60));
        let shown: Vec<_> = shown.cloned().collect();
        assert!(self.differences.is_empty(), "{count} differences:\n{}", shown.join("\n"));
    }
}

fn is_ambiguous(expected: &Value, field: &str) -> bool {
    expected["ambiguous"].as_array().into_iter().flatten().any(|name| name == field)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(240).collect()
}
