//! Tests of the decoders and the service, through the public API.

mod recordings;
mod recordings_facts;
