//! CPU time of this process.

/// What its threads have taken so far, those that have ended included, in nanoseconds; `None` where the
/// system does not tell. Child processes are not in it.
///
/// Not from `/proc`: what is there of a thread that runs is as old as the scheduler's last tick.
pub(crate) fn nanos() -> Option<f64> {
    #[cfg(unix)]
    return Some(read(rustix::time::ClockId::ProcessCPUTime));
    #[cfg(not(unix))]
    None
}

/// The same of this thread alone.
pub(crate) fn thread_nanos() -> Option<f64> {
    #[cfg(unix)]
    return Some(read(rustix::time::ClockId::ThreadCPUTime));
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
fn read(clock: rustix::time::ClockId) -> f64 {
    let took = rustix::time::clock_gettime(clock);
    took.tv_sec as f64 * 1e9 + took.tv_nsec as f64
}
