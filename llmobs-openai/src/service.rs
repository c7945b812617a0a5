//! The two layers around async-openai's retries.
//!
//! ```text
//! CallLayer          one logical call: parent, queue time, outcome
//!   OpenAIRetryLayer   async-openai's own retries
//!     AttemptLayer       one HTTP request: times, headers, body
//!       ReqwestService     the transport
//! ```
//!
//! The retry layer reads the body of a 429 and drops its headers, so the tap sits below it; what
//! the application finally gets is decided above it, so the call sits there.

mod attempt;
mod call;
mod hand_over;
mod request;

pub use self::attempt::{AttemptLayer, AttemptService};
pub use self::call::{CallLayer, CallService};
