//! What stands in files of JSON lines.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use llmobs_core::{Kind, Record};

use crate::account::Arrival;
use crate::report::{Broken, promise};

/// Reads a file line by line, each of which has to be a record that no other is.
pub(crate) fn records(path: &Path, mut see: impl FnMut(Record)) -> Result<(), Broken> {
    let file = File::open(path).map_err(Broken::by("the lines cannot be read"))?;
    let mut ids = HashSet::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(Broken::by("the lines cannot be read"))?;
        let record: Record = serde_json::from_str(&line)
            .map_err(|err| Broken::new(format!("a line is no record: {err}: {line:?}")))?;
        let id = record.request_id.filter(|_| record.kind != Kind::Meta);
        let new = id.is_none_or(|id| ids.insert(id));
        promise(new, || format!("a record is there twice: {line}"))?;
        see(record);
    }
    Ok(())
}

/// Counts a file's records.
pub(crate) fn count(path: &Path) -> Result<Arrival, Broken> {
    let mut arrival = Arrival::default();
    records(path, |record| match record.kind {
        Kind::Meta => {
            let report = record.meta.is_some_and(|meta| meta.losses.is_some());
            arrival.reports += u64::from(report);
        }
        _ => arrival.records += 1,
    })?;
    Ok(arrival)
}
