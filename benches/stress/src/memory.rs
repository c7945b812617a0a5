//! Memory of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The allocator that counts; a program that wants to know its live bytes makes it the global one.
pub use peak_alloc::PeakAlloc as Counting;

/// Resident bytes; `None` where the system does not tell.
pub(crate) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib = line.split_whitespace().next()?.parse::<u64>().ok()?;
    Some(kib * 1024)
}

/// Bytes that are allocated; zero where the program does not count them.
pub(crate) fn live() -> u64 {
    Counting.current_usage() as u64
}

/// Watches the resident memory, and knows the most there has been.
#[derive(Debug)]
pub(crate) struct Watch {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let (most, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (of, until) = (Arc::clone(&most), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                of.fetch_max(resident().unwrap_or(0), Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        Self { most, over, thread: Some(thread) }
    }

    /// The most there has been until now.
    pub(crate) fn most(&self) -> u64 {
        self.most.fetch_max(resident().unwrap_or(0), Ordering::Relaxed);
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
