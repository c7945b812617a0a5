//! Names of files: beside one that is held, and aside from the one in use.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::time::Timestamp;

/// Sinks of one process that may write beside the same file.
const BESIDE: u32 = 64;
/// Names tried for one file, in case others put files aside under the same one.
const ASIDE: u32 = 1_000;
/// Length of `20260102T030405Z`.
const STAMP: usize = 16;

/// The name asked for, then those with the process id.
pub(super) fn candidates(asked: &Path) -> impl Iterator<Item = PathBuf> {
    let process = std::process::id();
    let beside = move |n: u32| match n {
        1 => with_infix(asked, &process.to_string()),
        n => with_infix(asked, &format!("{process}-{n}")),
    };
    std::iter::once(asked.to_owned()).chain((1..=BESIDE).map(beside))
}

/// Renames a file after the time of day.
pub(super) fn put_aside(path: &Path, now: Timestamp) -> io::Result<()> {
    let stamp = stamp(now);
    // Names that were deleted again are not used again, so that order tells age.
    let taken = aside(path).into_iter().filter(|aside| aside.stamp == stamp.as_bytes());
    let last = taken.map(|aside| aside.number).max().unwrap_or(0);
    for n in (1..=ASIDE).filter_map(|n| last.checked_add(n)) {
        let aside = match n {
            1 => with_infix(path, &stamp),
            n => with_infix(path, &format!("{stamp}-{n}")),
        };
        // Creating the name first makes it ours; renaming over it then overwrites nothing.
        match File::create_new(&aside) {
            Ok(_) => {}
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(err) => return Err(err),
        }
        let renamed = std::fs::rename(path, &aside);
        if renamed.is_err() {
            let _ = std::fs::remove_file(&aside);
        }
        return renamed;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Deletes the oldest files put aside for `path`, beyond `keep`.
///
/// What cannot be listed or deleted stays: the next rotation tries again.
pub(super) fn prune(path: &Path, keep: usize) {
    let mut aside = aside(path);
    aside.sort_unstable();
    let surplus = aside.len().saturating_sub(keep);
    for Aside { path, .. } in aside.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
}

/// A file put aside; they sort by age.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Aside {
    stamp: Vec<u8>,
    number: u32,
    path: PathBuf,
}

fn aside(path: &Path) -> Vec<Aside> {
    let Some(Ok(entries)) = path.parent().map(std::fs::read_dir) else { return Vec::new() };
    let aside = |entry: std::fs::DirEntry| {
        let (stamp, number) = order(path, &entry.file_name())?;
        let path = entry.path();
        entry.file_type().is_ok_and(|kind| kind.is_file()).then_some(Aside { stamp, number, path })
    };
    entries.flatten().filter_map(aside).collect()
}

/// Time and number of a file put aside for `path`; `None` when the name is not of that pattern.
fn order(path: &Path, name: &OsStr) -> Option<(Vec<u8>, u32)> {
    let name = name.as_encoded_bytes();
    let name = name.strip_prefix(path.file_stem()?.as_encoded_bytes())?.strip_prefix(b".")?;
    let name = match path.extension() {
        Some(ext) => name.strip_suffix(ext.as_encoded_bytes())?.strip_suffix(b".")?,
        None => name,
    };
    let (stamp, number) = name.split_at_checked(STAMP)?;
    let shape = |(at, byte): (usize, &u8)| match at {
        8 => *byte == b'T',
        15 => *byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if !stamp.iter().enumerate().all(shape) {
        return None;
    }
    let number = match number {
        b"" => 1,
        number => std::str::from_utf8(number.strip_prefix(b"-")?).ok()?.parse().ok()?,
    };
    Some((stamp.to_owned(), number))
}

/// `dir/stem.ext` as `dir/stem.infix.ext`.
fn with_infix(path: &Path, infix: &str) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(".");
    name.push(infix);
    if let Some(ext) = path.extension() {
        name.push(".");
        name.push(ext);
    }
    path.with_file_name(name)
}

/// UTC to the second, so that names sort by time.
fn stamp(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(time.unix_nanos())).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}
