//! Reading a response body as it arrives: events, marks of time, and what follows from both.

mod account;
mod sse;

pub(crate) use self::account::Account;
pub use self::sse::SseParser;
