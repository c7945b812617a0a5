//! Tests of the decoders and the service, through the public API.

mod deviations;
mod exchange;
mod fuzz;
mod kit;
mod lenience;
mod recordings;
mod recordings_corpus;
mod recordings_facts;
mod responses;
mod routes;
mod texts;
