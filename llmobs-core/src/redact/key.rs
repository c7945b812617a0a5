//! Keys of services, by the prefixes that their makers gave them to be found by.

use std::ops::Range;

use super::bytes::{begins, ends};

/// What a key is made of after its prefix.
#[derive(Clone, Copy)]
enum Of {
    /// Letters and digits.
    Alphanumeric,
    /// Capital letters and digits.
    Capitals,
    /// Letters, digits, `_`, `-`.
    Wide,
}

/// Prefixes, what follows them, and how many of it at least.
const KEYS: &[(&str, Of, usize)] = &[
    ("sk-", Of::Wide, 20),
    ("sk_live_", Of::Alphanumeric, 16),
    ("sk_test_", Of::Alphanumeric, 16),
    ("rk_live_", Of::Alphanumeric, 16),
    ("rk_test_", Of::Alphanumeric, 16),
    ("whsec_", Of::Alphanumeric, 24),
    ("ghp_", Of::Alphanumeric, 36),
    ("gho_", Of::Alphanumeric, 36),
    ("ghu_", Of::Alphanumeric, 36),
    ("ghs_", Of::Alphanumeric, 36),
    ("ghr_", Of::Alphanumeric, 36),
    ("github_pat_", Of::Wide, 22),
    ("glpat-", Of::Wide, 20),
    ("gsk_", Of::Alphanumeric, 40),
    ("AKIA", Of::Capitals, 16),
    ("ASIA", Of::Capitals, 16),
    ("AIza", Of::Wide, 35),
    ("xoxb-", Of::Wide, 20),
    ("xoxp-", Of::Wide, 20),
    ("xoxa-", Of::Wide, 20),
    ("xoxr-", Of::Wide, 20),
    ("xoxs-", Of::Wide, 20),
    ("xapp-", Of::Wide, 20),
    ("xai-", Of::Alphanumeric, 40),
    ("hf_", Of::Alphanumeric, 30),
    ("r8_", Of::Alphanumeric, 30),
    ("npm_", Of::Alphanumeric, 36),
    ("pypi-", Of::Wide, 50),
    ("dop_v1_", Of::Alphanumeric, 64),
    ("pplx-", Of::Alphanumeric, 32),
    ("nvapi-", Of::Wide, 40),
    ("lsv2_", Of::Wide, 40),
    ("tgp_v1_", Of::Wide, 32),
];

/// Bytes that a prefix begins with.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < KEYS.len() {
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler, which runs it")]
        {
            first[KEYS[at].0.as_bytes()[0] as usize] = true;
        }
        at += 1;
    }
    first
};

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut after = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !FIRST.get(usize::from(*byte)).copied().unwrap_or(false)
            || at < after
            || !begins(bytes, at)
        {
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let known = KEYS.iter().find(|(prefix, ..)| rest.starts_with(prefix.as_bytes()));
        let Some((prefix, of, least)) = known else { continue };
        let secret = rest.get(prefix.len()..).unwrap_or_default();
        let secret = secret.get(..of.run(secret)).unwrap_or_default();
        let end = at + prefix.len() + secret.len();
        let whole = !matches!(of, Of::Capitals) || (secret.len() == *least && ends(bytes, end));
        if secret.len() >= *least {
            // Nothing in there can be a key when all of it is none: each byte is looked at once.
            after = end;
            if whole && is_random(secret) {
                found(at..end);
            }
        }
    }
}

impl Of {
    /// How much of `secret` may be part of a key.
    fn run(self, secret: &[u8]) -> usize {
        let part = |byte: &&u8| match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Wide => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        };
        secret.iter().take_while(part).count()
    }
}

/// Whether a secret may be one: long words have no digits in them.
fn is_random(secret: &[u8]) -> bool {
    secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_alphabetic)
}
