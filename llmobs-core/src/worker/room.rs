//! Room for what the worker holds of a call.

use crate::call::CallShared;
use crate::recorder::Recorder;

/// Room set aside for payload, until it is dropped.
pub(super) struct Room {
    recorder: Recorder,
    /// Bytes set aside.
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn new(call: &CallShared) -> Self {
        Self { recorder: call.recorder.clone(), bytes: 0 }
    }

    /// Whether there is room for `len` bytes in all, after more was set aside if need be.
    pub(super) fn holds(&mut self, len: usize) -> bool {
        if len > self.bytes {
            let bytes = len.next_power_of_two().max(1024);
            if !self.recorder.queue().reserve_bytes(bytes - self.bytes) {
                return false;
            }
            self.bytes = bytes;
        }
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.recorder.queue().release_bytes(self.bytes);
    }
}
