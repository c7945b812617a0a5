//! Test doubles, and the kits that every implementation of a seam must pass.

mod clock;
mod ids;
mod memory;
pub mod samples;

pub use self::clock::FakeClock;
pub use self::ids::CountingIds;
pub use self::memory::{Memory, Recording};
