//! User ids, hashed before they leave.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Hashes user ids with a key, so that records can be grouped by user and nobody without the key can
/// tell, or try out, who it is.
#[derive(Clone)]
pub(crate) struct UserIdKey(Hmac<Sha256>);

impl UserIdKey {
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        // An empty key would look like protection and be none.
        let key = Some(key).filter(|key| !key.is_empty())?;
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// The first 128 bits of HMAC-SHA256 (RFC 2104), in hex.
    pub(crate) fn hash(&self, id: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(id.as_bytes());
        let code = mac.finalize().into_bytes();
        code.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for UserIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserIdKey")
    }
}
