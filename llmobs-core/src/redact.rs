//! What is taken out of content before it leaves, once, before all rules, spans and sinks.

mod bytes;
mod card;
mod email;
mod iban;
mod ip;
mod json;
mod key;
mod phone;
mod private_key;
mod record;
mod ssn;
mod text;
mod token;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use self::record::withhold;
use self::text::Counts;

/// Longest name of a detector.
const MAX_NAME: usize = 64;

/// What is redacted in content that is captured: by default whatever the built-in detectors find.
///
/// A finding is replaced by the detector's name, as in `[redacted:email]`, and the record counts it in
/// [`Record::redacted`](crate::Record::redacted). Content is messages, arguments, results, documents,
/// prompt variables and error messages; what the application itself names (tags, session and user
/// ids) is left alone unless [`labels`](Self::labels) asks for it. Texts are looked at when they are
/// complete, so a secret that came in two pieces of a stream is found. Texts that are JSON stay JSON.
///
/// ```
/// use llmobs_core::{Detector, Redact};
///
/// let redact = Redact::all()
///     .without(Detector::Ip)
///     .detector("employee", |text, found| {
///         for (at, _) in text.match_indices("EMP-") {
///             found.add(at..at + 10);
///         }
///     });
/// let text = redact.text("EMP-001234 is bob@example.com at 10.1.2.3");
/// assert_eq!(text, "[redacted:employee] is [redacted:email] at 10.1.2.3");
/// ```
#[derive(Clone)]
pub struct Redact {
    detectors: u16,
    own: Vec<Own>,
    labels: bool,
}

/// What is looked for without being told how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detector {
    /// Addresses of e-mail.
    Email,
    /// Telephone numbers: international ones with `+`, North American ones as usually written.
    Phone,
    /// Numbers of payment cards, by issuer, length and check digit.
    Card,
    /// International bank account numbers, by country, length and check digits.
    Iban,
    /// Social security numbers of the United States, in the ranges that are given out.
    Ssn,
    /// IP addresses of version 4 and 6, but for loopback, networks and masks.
    Ip,
    /// Keys of services, by their prefixes: OpenAI and its kin, GitHub, AWS, Google, Slack, Stripe and
    /// others.
    Key,
    /// JSON web tokens, and what follows `Bearer`.
    Token,
    /// Private keys in PEM.
    PrivateKey,
}

/// Where a detector of one's own puts what it has found.
#[derive(Debug)]
pub struct Found<'f> {
    spans: &'f mut Vec<Span>,
    /// Which detector it is.
    by: usize,
}

/// A detector of the application's.
#[derive(Clone)]
struct Own {
    name: Arc<str>,
    find: Arc<FindOwn>,
}

type FindOwn = dyn Fn(&str, &mut Found<'_>) + Send + Sync;
type Find = fn(&str, &mut dyn FnMut(Range<usize>));

/// One finding.
#[derive(Clone, Debug)]
struct Span {
    range: Range<usize>,
    by: usize,
}

impl Detector {
    const ALL: [Self; 9] = [
        Self::PrivateKey,
        Self::Token,
        Self::Key,
        Self::Iban,
        Self::Card,
        Self::Ssn,
        Self::Email,
        Self::Phone,
        Self::Ip,
    ];

    /// The name in records, in replacements and in `LLMOBS_REDACT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::Ip => "ip",
            Self::Key => "key",
            Self::Token => "token",
            Self::PrivateKey => "private_key",
        }
    }

    fn find(self) -> Find {
        match self {
            Self::Email => email::find,
            Self::Phone => phone::find,
            Self::Card => card::find,
            Self::Iban => iban::find,
            Self::Ssn => ssn::find,
            Self::Ip => ip::find,
            Self::Key => key::find,
            Self::Token => token::find,
            Self::PrivateKey => private_key::find,
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Default for Redact {
    fn default() -> Self {
        Self::all()
    }
}

impl Redact {
    /// Every built-in detector: the default.
    pub fn all() -> Self {
        Detector::ALL.into_iter().fold(Self::none(), Self::with)
    }

    /// No detector: captured content leaves as it is.
    pub fn none() -> Self {
        Self { detectors: 0, own: Vec::new(), labels: false }
    }

    /// Turns a detector on.
    #[must_use]
    pub fn with(mut self, detector: Detector) -> Self {
        self.detectors |= detector.bit();
        self
    }

    /// Turns a detector off.
    #[must_use]
    pub fn without(mut self, detector: Detector) -> Self {
        self.detectors &= !detector.bit();
        self
    }

    /// Whether a built-in detector is on.
    pub fn has(&self, detector: Detector) -> bool {
        self.detectors & detector.bit() != 0
    }

    /// Adds a detector of one's own, such as a regular expression.
    ///
    /// It runs on the recorder's thread; one that panics costs the record's content, which is counted
    /// ([`Losses::withheld`](crate::Losses::withheld)). In the name, what is neither a letter, a digit,
    /// `-` nor `_` is replaced; 64 characters of it are kept.
    #[must_use]
    pub fn detector(
        mut self,
        name: &str,
        find: impl Fn(&str, &mut Found<'_>) + Send + Sync + 'static,
    ) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String =
            name.chars().take(MAX_NAME).map(|c| if plain(c) { c } else { '_' }).collect();
        self.own.push(Own { name: name.into(), find: Arc::new(find) });
        self
    }

    /// Whether tags, session and user ids are redacted too. Defaults to no: the application chose them.
    #[must_use]
    pub fn labels(mut self, redact: bool) -> Self {
        self.labels = redact;
        self
    }

    /// A text with everything found in it replaced.
    ///
    /// # Panics
    ///
    /// When a detector of one's own does.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redacted(text, &mut Counts::default()) {
            Some(redacted) => Cow::Owned(redacted),
            None => Cow::Borrowed(text),
        }
    }

    fn is_off(&self) -> bool {
        self.detectors == 0 && self.own.is_empty()
    }
}

impl Found<'_> {
    /// Adds what was found, by its place in bytes. A place that begins or ends within a character is
    /// widened to all of it.
    pub fn add(&mut self, range: Range<usize>) {
        self.spans.push(Span { range, by: self.by });
    }
}

impl fmt::Debug for Redact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = Detector::ALL.into_iter().filter(|detector| self.has(*detector));
        let mut on: Vec<&str> = on.map(Detector::as_str).collect();
        on.extend(self.own.iter().map(|own| &*own.name));
        f.debug_struct("Redact").field("detectors", &on).field("labels", &self.labels).finish()
    }
}

/// `none`, `all`, or a list of detectors with commas between.
impl FromStr for Redact {
    type Err = RedactError;

    fn from_str(list: &str) -> Result<Self, RedactError> {
        list.split(',').map(str::trim).try_fold(Self::none(), |redact, word| match word {
            "none" => Ok(Self::none()),
            "all" => Ok(Self::all()),
            word => Detector::ALL
                .into_iter()
                .find(|detector| detector.as_str() == word)
                .map(|detector| redact.with(detector))
                .ok_or_else(|| RedactError { word: word.to_owned() }),
        })
    }
}

/// A word that names no detector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no detector is named {word:?}")]
pub struct RedactError {
    word: String,
}
