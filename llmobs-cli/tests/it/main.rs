//! The real binary, on small files.

mod damage;
mod fixtures;
mod flags;
mod golden;
#[cfg(target_os = "linux")]
mod many;
mod report;
mod run;
mod schema;
mod trace;
