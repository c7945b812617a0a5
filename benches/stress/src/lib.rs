//! Scenarios under which an observer could lose, hurt or lie; each settles its accounts to the last
//! record, on our side and on the receiver's.
//!
//! `cargo run --release -p stress -- all` runs them and prints what came of it; tests run them small.

mod account;
mod file;
mod memory;
mod receiver;
mod report;
mod scenario;
mod sinks;
mod size;
mod traffic;

pub use self::memory::Counting;
pub use self::report::{Broken, Report};
pub use self::scenario::kill::child;
pub use self::scenario::{Scenario, run};
pub use self::size::Size;
