//! async-openai under observation.
//!
//! [`client`] makes an `async_openai::Client` whose every call to a model becomes a record. Call
//! sites stay as they are; so does everything the application gets.

mod check;
mod client;
mod decode;
mod observe;
mod provider;
mod service;
mod usage;

pub use async_openai;
pub use llmobs_core::{ObservedOpening, ObservedStream, UsagePolicy};

pub use self::check::{Instrumentation, assert_instrumented, instrumentation};
pub use self::client::{client, service};
#[cfg(feature = "estimate")]
pub use self::decode::Estimate;
pub use self::decode::OpenAi;
pub use self::observe::{Items, observe};
pub use self::service::{AttemptLayer, AttemptService, CallLayer, CallService};
