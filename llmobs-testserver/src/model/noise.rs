//! Numbers that look random and are the same in every run.

use std::time::Duration;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 64-bit FNV-1a hash.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A splitmix64 generator.
pub(super) struct Noise(u64);

impl Noise {
    /// The same numbers for the same seed, number of request, and bytes.
    pub(super) fn new(seed: u64, n: u64, bytes: &[u8]) -> Self {
        Self(hash(bytes) ^ seed.rotate_left(32) ^ n)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration in this range, the ends included.
    pub(super) fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let span = u64::try_from(max.saturating_sub(min).as_nanos()).unwrap_or(u64::MAX);
        min + Duration::from_nanos(self.next() % span.saturating_add(1).max(1))
    }

    pub(super) fn hex(&mut self, n: usize) -> String {
        (0..n).filter_map(|_| char::from_digit((self.next() % 16) as u32, 16)).collect()
    }

    pub(super) fn base62(&mut self, n: usize) -> String {
        let letter = |at: u64| BASE62.get(at as usize).map(|letter| char::from(*letter));
        (0..n).filter_map(|_| letter(self.next() % 62)).collect()
    }
}
