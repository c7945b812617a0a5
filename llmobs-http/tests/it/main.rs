//! Everything is tested through the public API.

mod layer;
mod toy;
