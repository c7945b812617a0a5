//! Any request, any stream, cut anywhere.

mod ask;
mod body;
mod splice;
mod stream;
