//! Hosts by name.

use std::net::IpAddr;

/// A list of hosts: names in full, and `.example.com` for every host below that one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// Adds a host; letters are compared without their case.
    pub(crate) fn add(&mut self, host: &str) {
        let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
        if !host.is_empty() {
            self.0.push(host);
        }
    }

    /// Whether `host` is in the list.
    pub(crate) fn contain(&self, host: &str) -> bool {
        self.0.iter().any(|known| is(known, host))
    }
}

/// Whether `host` is what `pattern` says, in lower case.
fn is(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if !pattern.starts_with('.') {
        return host.eq_ignore_ascii_case(pattern);
    }
    // An address ends like another without being below it.
    if host.parse::<IpAddr>().is_ok() {
        return false;
    }
    let above = host.len().checked_sub(pattern.len()).and_then(|at| host.get(at..));
    above.is_some_and(|above| above.eq_ignore_ascii_case(pattern) && above.len() < host.len())
}
