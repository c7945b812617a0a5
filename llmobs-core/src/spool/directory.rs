//! A directory that belongs to one process, or to nobody any more.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::queue::lock;

const LOCK: &str = "lock";
const PROGRESS: &str = "progress";
const SEGMENT: &str = ".spool";
/// Names tried, in case others take the same ones.
const TRIES: u32 = 16;

/// A directory we hold the lock of; its drop gives it back, and deletes it when it is empty.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
    progress: Mutex<Option<File>>,
}

impl Directory {
    /// Makes a directory of our own below `root`, for this owner.
    pub(super) fn create(root: &Path, owner: &str) -> io::Result<Self> {
        make(root, true)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        for n in 0..TRIES {
            // Names sort by age.
            let path = root.join(format!("{now:020}-{}-{n}-{owner}", std::process::id()));
            match make(&path, false) {
                Ok(()) => {}
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(err) => return Err(err),
            }
            if let Some(directory) = Self::take(&path, true)? {
                return Ok(directory);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Takes a directory that nobody holds; `None` when somebody does, or it is gone.
    pub(super) fn take(path: &Path, fresh: bool) -> io::Result<Option<Self>> {
        let lock = match open(&path.join(LOCK), fresh) {
            Ok(lock) => lock,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(err)) => return Err(err),
        }
        // Whoever held it may have deleted it in between.
        let there = in_place(&path.join(LOCK), &lock);
        Ok(there.then(|| Self { path: path.to_owned(), lock, progress: Mutex::default() }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_in_place(&self) -> bool {
        in_place(&self.path.join(LOCK), &self.lock)
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:016}{SEGMENT}"))
    }

    /// Numbers of the segments that are there, in order.
    pub(super) fn segments(&self) -> Vec<u64> {
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name();
            name.to_str()?.strip_suffix(SEGMENT)?.parse().ok()
        };
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut numbers: Vec<_> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Notes how far a segment has been delivered, for whoever comes after a crash.
    pub(super) fn note(&self, segment: u64, offset: u64) -> io::Result<()> {
        let text = format!("{segment:016x} {offset:016x} ");
        let line = format!("{text}{:08x}\n", crc32fast::hash(text.as_bytes()));
        let mut progress = lock(&self.progress);
        let file = match &mut *progress {
            Some(file) => file,
            none => none.insert(open(&self.path.join(PROGRESS), true)?),
        };
        // As short as this it is there whole or not at all, whenever the process dies.
        file.seek(SeekFrom::Start(0))?;
        file.write_all(line.as_bytes())
    }

    /// How far which segment has been delivered.
    pub(super) fn noted(&self) -> Option<(u64, u64)> {
        let mut line = String::new();
        let file = File::open(self.path.join(PROGRESS)).ok()?;
        file.take(64).read_to_string(&mut line).ok()?;
        let (text, sum) = line.trim_end().split_at_checked(34)?;
        if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(text.as_bytes()) {
            return None;
        }
        let (segment, offset) = text.trim_end().split_once(' ')?;
        Some((u64::from_str_radix(segment, 16).ok()?, u64::from_str_radix(offset, 16).ok()?))
    }

    /// Makes the names in it durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nobody else deletes what we hold: what is empty now stays so.
        if self.is_in_place() && self.segments().is_empty() {
            *lock(&self.progress) = None;
            let _ = fs::remove_file(self.path.join(PROGRESS));
            let _ = fs::remove_file(self.path.join(LOCK));
            let _ = fs::remove_dir(&self.path);
        }
        // A child process that is just being started shares the lock for as long as that takes.
        let _ = self.lock.unlock();
    }
}

/// Whether a directory may be this owner's, by its name: earlier versions did not say whose it was.
pub(super) fn may_be_of(path: &Path, owner: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.split('-').nth(3)).is_none_or(|of| of == owner)
}

/// Opens a file for ourselves alone.
pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(create);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a directory for ourselves alone; what is there of it stays as it is.
fn make(path: &Path, all: bool) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(all);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether `path` still names `file`.
#[cfg(unix)]
pub(super) fn in_place(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;

    let (Ok(there), Ok(ours)) = (fs::metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (ours.dev(), ours.ino())
}

/// Elsewhere a file in use cannot be deleted.
#[cfg(not(unix))]
pub(super) fn in_place(path: &Path, _: &File) -> bool {
    path.exists()
}
