//! Asking for usage in the application's place.
//!
//! Most hosts count the tokens of a stream only when `stream_options.include_usage` says so. Where
//! the policy allows it, [`ask`] splices that into the request, and [`Unasked`] takes the event that
//! only this brought out of the answer again. The tap sits below, and sees it.

mod event;
mod filter;
mod policy;
mod splice;
#[cfg(test)]
mod tests;

pub(crate) use self::filter::Unasked;
pub(crate) use self::policy::{ask, readable};
