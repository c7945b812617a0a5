//! The whole, from the application's side.

mod tidy;
