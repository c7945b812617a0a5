//! What a crash has left of a last line.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::de::IgnoredAny;

use crate::contain::say;

const CHUNK: u64 = 64 << 10;

/// Sets the last line right: half a line is removed, a whole one gets its line feed.
///
/// The file must be locked. Only what begins like a line of ours, or is nothing but the zeros a
/// file system leaves where data was lost, is ever removed; anything else gets a line feed, so that
/// our lines stand apart from it.
pub(super) fn last_line(mut file: &File, path: &Path) -> io::Result<()> {
    let len = file.metadata()?.len();
    let start = last_line_start(file, len)?;
    if start == len {
        return Ok(());
    }
    file.seek(SeekFrom::Start(start))?;
    if torn(BufReader::new(file))? {
        file.set_len(start)?;
        say(|| {
            tracing::warn!(
                target: "llmobs",
                path = %path.display(),
                bytes = len - start,
                "removed a half-written last line"
            );
        });
    } else {
        file.write_all(b"\n")?;
        say(|| {
            tracing::warn!(
                target: "llmobs",
                path = %path.display(),
                bytes = 0,
                "added the missing line feed after the last line"
            );
        });
    }
    Ok(())
}

fn torn(mut line: BufReader<&File>) -> io::Result<bool> {
    let mut first = [0];
    line.read_exact(&mut first)?;
    Ok(match first {
        [0] => line.bytes().all(|byte| matches!(byte, Ok(0))),
        [b'{'] => {
            let object = first.chain(line);
            serde_json::from_reader::<_, IgnoredAny>(object).is_err()
        }
        _ => false,
    })
}

/// Where the line begins that has no line feed; the length of the file when there is none.
fn last_line_start(mut file: &File, len: u64) -> io::Result<u64> {
    let mut chunk = Vec::with_capacity(CHUNK.min(len) as usize);
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        file.take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
