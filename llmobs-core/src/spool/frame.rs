//! One record on disk: a line with a checksum.

use std::io;

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::time::Timestamp;

/// Hex digits of the checksum, and the space after them.
const HEAD: usize = 9;

/// What a line holds: the record as in JSON lines, and what those leave out.
#[derive(Serialize)]
struct Out<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsampled: bool,
    /// The timestamp in full: a line's has microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    nanos: Option<u64>,
    #[serde(skip_serializing_if = "<[f32]>::is_empty")]
    chunk_gaps_ms: &'a [f32],
    record: &'a Record,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct In {
    unsampled: bool,
    nanos: Option<u64>,
    chunk_gaps_ms: Vec<f32>,
    record: Record,
}

/// Appends a record's line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let start = out.len();
    out.extend_from_slice(b"00000000 ");
    let gaps = record.latency.as_ref().map_or(&[][..], |latency| &latency.chunk_gaps_ms);
    let frame = Out {
        unsampled: record.unsampled,
        nanos: record.timestamp.map(Timestamp::unix_nanos),
        // A number that is none would not read back.
        chunk_gaps_ms: if gaps.iter().all(|gap| gap.is_finite()) { gaps } else { &[] },
        record,
    };
    serde_json::to_writer(&mut *out, &frame)?;
    let sum = crc32fast::hash(out.get(start + HEAD..).unwrap_or_default());
    if let Some(head) = out.get_mut(start..start + HEAD - 1) {
        head.copy_from_slice(format!("{sum:08x}").as_bytes());
    }
    out.push(b'\n');
    Ok(())
}

/// The text of a line, line feed included, if it is as it was written.
pub(super) fn whole(line: &[u8]) -> Option<&[u8]> {
    let (sum, text) = line.strip_suffix(b"\n")?.split_at_checked(HEAD)?;
    let sum = std::str::from_utf8(sum.strip_suffix(b" ")?).ok()?;
    (u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(text)).then_some(text)
}

/// The record of a line.
pub(super) fn read(line: &[u8]) -> Option<Record> {
    let In { unsampled, nanos, chunk_gaps_ms, mut record } =
        serde_json::from_slice(whole(line)?).ok()?;
    record.unsampled = unsampled;
    record.timestamp = nanos.map(Timestamp::from_unix_nanos).or(record.timestamp);
    if !chunk_gaps_ms.is_empty() {
        record.latency.get_or_insert_default().chunk_gaps_ms = chunk_gaps_ms;
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Latency;
    use crate::testing::samples;

    fn line(record: &Record) -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line, record).expect("it can be written");
        line
    }

    #[test]
    fn a_record_comes_back_as_it_was_with_what_lines_leave_out() {
        let mut records = samples::all();
        records.push(Record {
            unsampled: true,
            timestamp: Some(Timestamp::from_unix_nanos(1_767_225_600_123_456_789)),
            latency: Some(Box::new(Latency {
                chunk_gaps_ms: vec![0.1, 20.0],
                ..Latency::default()
            })),
            ..samples::streamed_chat()
        });
        for record in records {
            assert_eq!(read(&line(&record)).as_ref(), Some(&record));
        }
    }

    #[test]
    fn a_line_with_one_bit_changed_is_no_line() {
        let good = line(&samples::dropped());
        assert!(whole(&good).is_some());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            // Upper and lower case are the same number.
            assert!(whole(&bad).is_none(), "{at}");
        }
        for end in 0..good.len() {
            assert!(whole(&good[..end]).is_none(), "{end}");
        }
    }
}
