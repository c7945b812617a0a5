//! The tap on HTTP bodies behind llmobs.
//!
//! [`ObserveLayer`] observes any client that is a `tower` service of HTTP requests. For those who
//! write adapters: [`TapBody`] watches a response body for any client that speaks
//! [`http_body::Body`], and changes nothing about it. It knows no provider.

mod body;
mod layer;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod propagate;
mod request_body;
#[cfg(feature = "reqwest")]
pub mod reqwest;

pub use self::body::{TapBody, tap_headers};
pub use self::layer::{Observe, ObserveFuture, ObserveLayer};
#[cfg(feature = "reqwest-middleware")]
pub use self::middleware::ObserveMiddleware;
pub use self::propagate::propagate;
pub use self::request_body::RequestBody;
