//! The tap on HTTP bodies behind llmobs.
//!
//! [`ObserveLayer`] observes any client that is a `tower` service of HTTP requests. For those who
//! write adapters: [`TapBody`] watches a response body for any client that speaks
//! [`http_body::Body`], and changes nothing about it. It knows no provider.

mod body;
mod layer;
mod request_body;

pub use self::body::{TapBody, tap_headers};
pub use self::layer::{Observe, ObserveFuture, ObserveLayer};
pub use self::request_body::RequestBody;
