//! Hosts as the user writes them.

use std::net::IpAddr;

/// A host name or address, with a port or for any; one that begins with a dot stands for every host
/// below it. Letter case makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    port: Option<u16>,
    /// Every host below it, of which it is the end with its dot.
    below: bool,
    host: String,
}

impl HostPattern {
    /// Reads `host`, `.host`, `host:port`, `[address]:port`; `None` for what is no host.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':')?)),
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                // More than one colon: an address without brackets.
                _ => (text, None),
            },
        };
        let below = host.starts_with('.');
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let labels = host.strip_prefix('.').unwrap_or(host).split('.');
        if !host.bytes().all(known) || labels.into_iter().any(str::is_empty) {
            return None;
        }
        let port = port.map(str::parse).transpose().ok()?;
        Some(Self { port, below, host: host.to_ascii_lowercase() })
    }

    /// The higher, the more it says.
    pub(crate) fn rank(&self) -> (bool, bool, usize) {
        (self.port.is_some(), !self.below, self.host.len())
    }

    /// Whether a host is meant. Asked on the caller's task: it allocates nothing.
    pub(crate) fn fits(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let end = host.len().checked_sub(self.host.len()).and_then(|at| host.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(&self.host))
            && (host.len() > self.host.len()) == self.below
            && (self.port.is_none() || self.port == port)
            // An address may end like another, and is below none.
            && !(self.below && host.parse::<IpAddr>().is_ok())
    }
}
