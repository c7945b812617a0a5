//! Holds tests and examples only.
