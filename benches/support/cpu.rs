//! CPU time of this process.

/// What its threads have taken so far, those that have ended included, in nanoseconds; `None` where the
/// system does not tell. Child processes are not in it.
///
/// Not from `/proc`: what is there of a thread that runs is as old as the scheduler's last tick.
#[cfg(unix)]
pub(crate) fn nanos() -> Option<f64> {
    use rustix::time::{ClockId, clock_gettime};

    let took = clock_gettime(ClockId::ProcessCPUTime);
    Some(took.tv_sec as f64 * 1e9 + took.tv_nsec as f64)
}

#[cfg(not(unix))]
pub(crate) fn nanos() -> Option<f64> {
    None
}
