//! Headers as the environment has them.

use super::OtlpError;
use super::env::decoded;

/// The headers of `name=value,name=value`, percent-encoded; an entry that is empty is none.
///
/// # Errors
///
/// When an entry is no such pair. What it is instead may be a secret, and is not told: nor is what
/// stands where a name should.
pub(super) fn headers(
    variable: &'static str,
    text: &str,
    mut add: impl FnMut(&str, &str) -> Result<(), OtlpError>,
) -> Result<(), OtlpError> {
    let entries = text.split(',').zip(1..).filter(|(entry, _)| !entry.trim().is_empty());
    for (text, entry) in entries {
        let failed = |problem| OtlpError::HeaderEntry { variable, entry, problem };
        let (name, value) = text.split_once('=').ok_or(failed("has no `=`"))?;
        if !is_encoded(text) {
            return Err(failed("has a `%` without two hex digits after it (`%25` stands for `%`)"));
        }
        let added = add(&decoded(name.trim()), &decoded(value.trim()));
        added.map_err(|_| failed("has a name or a value that HTTP does not allow"))?;
    }
    Ok(())
}

/// Whether each `%` has its two digits.
fn is_encoded(text: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    text.split('%').skip(1).all(digits)
}
