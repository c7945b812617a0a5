//! Names the user gives to those who answer at a host.

use std::fmt;
use std::str::FromStr;

use crate::hosts::HostPattern;

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
pub struct ProviderNames(Vec<(HostPattern, String)>);

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
        let pattern = HostPattern::parse(host.trim()).ok_or_else(refused)?;
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            return Err(refused());
        }
        self.0.retain(|(known, _)| *known != pattern);
        let before = |known: &HostPattern| known.rank() >= pattern.rank();
        let at = self.0.partition_point(|(known, _)| before(known));
        self.0.insert(at, (pattern, name.to_owned()));
        Ok(self)
    }

    /// Who answers at a host. Asked on the caller's task: it allocates nothing.
    pub(crate) fn of(&self, host: &str, port: Option<u16>) -> Option<&str> {
        let named = self.0.iter().find(|(pattern, _)| pattern.fits(host, port));
        named.map(|(_, name)| name.as_str())
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
