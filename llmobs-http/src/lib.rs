//! The tap on HTTP bodies behind llmobs.
//!
//! For those who write adapters: [`TapBody`] watches a response body for any client that speaks
//! [`http_body::Body`], and changes nothing about it. It knows no provider.

mod body;

pub use self::body::{TapBody, tap_headers};
