//! Test doubles, and the kits that every implementation of a seam must pass.

mod clock;
mod ids;
pub mod kit;
mod memory;
mod pauses;
mod records;
pub mod samples;

pub use self::clock::FakeClock;
pub use self::ids::CountingIds;
pub use self::memory::{Memory, Recording};
pub use self::pauses::FakePauses;
pub use self::records::{AssertRecord, Records};
