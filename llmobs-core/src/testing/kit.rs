//! What every implementation of a seam must pass, ours as well as yours.
//!
//! Each kit is one function for a test of yours. It panics, at the line that called it, with what
//! the implementation did and the seam does not allow.
//!
//! ```
//! use llmobs_core::testing::{Memory, kit};
//!
//! let memory = Memory::default();
//! let given = kit::check_sink(|| memory.clone());
//! assert_eq!(memory.records()[..given.len()], given);
//! ```

mod backend;
mod decoder;
mod odd;
mod processor;
mod sink;

pub use self::backend::check_backend;
pub use self::decoder::{Exchange, check_decoder};
pub use self::odd::odd_records;
pub use self::processor::check_processor;
pub use self::sink::check_sink;
