//! Reading a response body as it arrives: events, marks of time, and what follows from both.

mod account;
mod encoding;
mod sse;

pub(crate) use self::account::Account;
pub(crate) use self::encoding::{Encoding, Stop};
pub use self::sse::SseParser;
