//! Names the user gives to those who answer at a host.

use std::fmt;
use std::str::FromStr;

/// Longest name of a provider.
const MAX_NAME: usize = 128;

/// Who answers where, by the user's word, which goes before what decoders know.
///
/// A host is a name or an address; one that begins with a dot stands for every host below it, and
/// a port behind it restricts it to that port. Where several fit, one with a port goes before one
/// without, a whole name before one with a dot, and a longer one before a shorter. Letter case
/// makes no difference.
///
/// Read from a text, they are a list of `host=name`.
///
/// ```
/// use llmobs_core::ProviderNames;
///
/// let names: ProviderNames = "llm.internal=vllm, .corp.example=gateway".parse()?;
/// let names = names.name("localhost:11434", "ollama")?;
/// # drop(names);
/// # Ok::<(), llmobs_core::ProviderNameError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderNames(Vec<(Pattern, String)>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    port: Option<u16>,
    /// Every host below it, of which it is the end with its dot.
    below: bool,
    host: String,
}

/// A name that cannot be given, or a host it cannot be given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderNameError {
    pair: String,
}

impl ProviderNames {
    /// Names no host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names who answers at a host, in place of a name that was given to it before.
    ///
    /// # Errors
    ///
    /// When the host is none, or the name is empty, longer than 128 bytes or has control characters
    /// in it.
    pub fn name(mut self, host: &str, name: &str) -> Result<Self, ProviderNameError> {
        let refused = || ProviderNameError { pair: format!("{host}={name}") };
        let pattern = Pattern::parse(host.trim()).ok_or_else(refused)?;
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            return Err(refused());
        }
        self.0.retain(|(known, _)| *known != pattern);
        let before = |known: &Pattern| known.rank() >= pattern.rank();
        let at = self.0.partition_point(|(known, _)| before(known));
        self.0.insert(at, (pattern, name.to_owned()));
        Ok(self)
    }

    /// Who answers at a host. Asked on the caller's task: it allocates nothing.
    pub(crate) fn of(&self, host: &str, port: Option<u16>) -> Option<&str> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let named = self.0.iter().find(|(pattern, _)| pattern.fits(host, port));
        named.map(|(_, name)| name.as_str())
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
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

    /// The higher, the earlier it is asked.
    fn rank(&self) -> (bool, bool, usize) {
        (self.port.is_some(), !self.below, self.host.len())
    }

    fn fits(&self, host: &str, port: Option<u16>) -> bool {
        let end = host.len().checked_sub(self.host.len()).and_then(|at| host.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(&self.host))
            && (host.len() > self.host.len()) == self.below
            && (self.port.is_none() || self.port == port)
    }
}

impl FromStr for ProviderNames {
    type Err = ProviderNameError;

    fn from_str(text: &str) -> Result<Self, ProviderNameError> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.into_iter().try_fold(Self::new(), |names, pair| {
            let refused = || ProviderNameError { pair: pair.to_owned() };
            let (host, name) = pair.split_once('=').ok_or_else(refused)?;
            names.name(host, name)
        })
    }
}

impl fmt::Display for ProviderNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} names no provider: expected host=name, where the host may begin with a dot, for \
             all hosts below it, and end with a port",
            self.pair
        )
    }
}

impl std::error::Error for ProviderNameError {}
