//! CPU time of this process.

use std::time::Duration;
use std::{fs, thread};

/// What the threads that are alive have taken so far, in nanoseconds; `None` where the system does not
/// tell. Child processes are not in it.
pub(crate) fn nanos() -> Option<f64> {
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    let took = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    Some(took.sum()).filter(|sum| *sum > 0.0)
}

/// Waits until no other thread is alive, for a while: what one has taken is no more in the sum once it
/// has ended.
pub(crate) fn alone() {
    let threads = || fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    for _ in 0..1_000 {
        if threads() <= 1 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
