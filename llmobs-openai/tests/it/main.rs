//! Tests of the decoders and the service, through the public API.

mod cost;
mod deviations;
mod endings;
#[cfg(feature = "estimate")]
mod estimate;
#[cfg(feature = "estimate")]
mod estimate_recordings;
mod exchange;
mod fuzz;
mod headers;
mod kit;
mod lenience;
mod observe;
mod operations;
mod privacy;
mod recordings;
mod recordings_corpus;
mod recordings_facts;
mod repeats;
mod responses;
mod routes;
mod texts;
