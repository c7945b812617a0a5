//! Which price a call has.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::record::{Amount, Record, Term};
use crate::time::Timestamp;

/// Stands for every provider.
const ANY: &str = "*";

/// The prices of one file.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) version: Term,
    pub(super) currency: Term,
    /// Providers, and others whose prices are theirs.
    same_as: HashMap<String, String>,
    providers: HashMap<String, Models>,
}

#[derive(Debug, Default)]
struct Models {
    exact: HashMap<String, Vec<Entry>>,
    /// What names begin with.
    beginnings: BTreeMap<String, Vec<Entry>>,
}

/// What a model costs at some place and time.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Hosts it is for; all when there are none.
    pub(super) hosts: Vec<String>,
    pub(super) since: Option<Timestamp>,
    /// When it is over.
    pub(super) until: Option<Timestamp>,
    pub(super) standard: Tariff,
    pub(super) tiers: BTreeMap<String, Tariff>,
}

/// The prices of one service tier.
#[derive(Clone, Debug)]
pub(super) struct Tariff {
    pub(super) rates: Rates,
    /// Prices of all tokens where the input has more than so many.
    pub(super) long: Option<(u64, Rates)>,
}

/// Prices of a million tokens.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    pub(super) input: Option<Amount>,
    pub(super) cached_input: Option<Amount>,
    pub(super) cache_write: Option<Amount>,
    pub(super) output: Option<Amount>,
    pub(super) audio_input: Option<Amount>,
    pub(super) audio_output: Option<Amount>,
}

impl Tariff {
    pub(super) fn rates(&self, input: u64) -> &Rates {
        match &self.long {
            Some((over, rates)) if input > *over => rates,
            _ => &self.rates,
        }
    }
}

impl Entry {
    /// The prices of a tier, the usual one when it has no name.
    pub(super) fn tariff(&self, tier: Option<&str>) -> Option<&Tariff> {
        tier.map_or(Some(&self.standard), |tier| self.tiers.get(tier))
    }

    /// Whether a call has this price; one `elsewhere` goes to hosts of its own.
    fn holds(&self, record: &Record, elsewhere: bool) -> bool {
        let host = record.server.as_ref().map(|server| server.address.as_str());
        let here = elsewhere
            || self.hosts.is_empty()
            || host.is_some_and(|host| self.hosts.iter().any(|it| it.eq_ignore_ascii_case(host)));
        let since = self.since.is_none_or(|since| record.timestamp.is_some_and(|at| since <= at));
        let until = self.until.is_none_or(|until| record.timestamp.is_some_and(|at| at < until));
        here && since && until
    }

    /// Whether some call could have the price of either.
    fn overlaps(&self, other: &Self) -> bool {
        let hosts = self.hosts.is_empty()
            || other.hosts.is_empty()
            || self.hosts.iter().any(|host| other.hosts.contains(host));
        let before = |one: &Self, other: &Self| {
            one.until.zip(other.since).is_some_and(|(until, since)| until <= since)
        };
        hosts && !before(self, other) && !before(other, self)
    }
}

impl Table {
    pub(super) fn new(version: String, currency: String, same_as: HashMap<String, String>) -> Self {
        let providers = HashMap::new();
        Self { version: version.into(), currency: currency.into(), same_as, providers }
    }

    /// The provider whose prices are another's too.
    pub(super) fn same_as(&self, provider: &str) -> Option<&str> {
        self.same_as.get(provider).map(String::as_str)
    }

    /// Adds an entry for the models a pattern names.
    pub(super) fn add(
        &mut self,
        provider: &str,
        pattern: &str,
        entry: Entry,
    ) -> Result<(), String> {
        let models = self.providers.entry(provider.to_owned()).or_default();
        let entries = match pattern.strip_suffix('*') {
            Some(beginning) => models.beginnings.entry(beginning.to_owned()).or_default(),
            None => models.exact.entry(pattern.to_owned()).or_default(),
        };
        if pattern.trim_end_matches('*').contains('*') || pattern.ends_with("**") {
            return Err(format!("{pattern:?} has a `*` before its end"));
        }
        if entries.iter().any(|other| entry.overlaps(other)) {
            return Err(format!("{pattern:?} has another price already"));
        }
        entries.push(entry);
        Ok(())
    }

    /// The entry of a call: by the model that answered, else by the one asked for; of its own
    /// provider, else of the one whose prices are the same, else of any.
    pub(super) fn find(&self, record: &Record, same_as: Option<&str>) -> Option<&Entry> {
        let answered = record.model_version.as_deref();
        let asked = record
            .model
            .as_deref()
            .filter(|asked| answered.is_none_or(|answered| is_snapshot(answered, asked)));
        let providers = [(record.provider.as_deref(), false), (same_as, true), (Some(ANY), false)];
        [answered, asked].into_iter().flatten().find_map(|name| {
            providers.into_iter().find_map(|(provider, elsewhere)| {
                self.providers.get(provider?)?.find(name, record, elsewhere)
            })
        })
    }
}

impl Models {
    /// The whole name before the longest beginning.
    fn find(&self, name: &str, record: &Record, elsewhere: bool) -> Option<&Entry> {
        let beginnings = Beginnings { of: &self.beginnings, up_to: Bound::Included(name) };
        let mut entries = self.exact.get(name).into_iter().chain(beginnings).flatten();
        entries.find(|entry| entry.holds(record, elsewhere))
    }
}

/// What is known of the beginnings of a name, the longest first.
struct Beginnings<'m, 'n> {
    of: &'m BTreeMap<String, Vec<Entry>>,
    up_to: Bound<&'n str>,
}

impl<'m> Iterator for Beginnings<'m, '_> {
    type Item = &'m Vec<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        // A beginning of the name is also one of all that stands between the two in order, so that
        // the nearest before the name shows how much of the name is left.
        loop {
            let (Bound::Included(name) | Bound::Excluded(name)) = self.up_to else { return None };
            let (near, entries) =
                self.of.range::<str, _>((Bound::Unbounded, self.up_to)).next_back()?;
            let common = common(name, near);
            let left = name.get(..common)?;
            if common == near.len() {
                self.up_to = Bound::Excluded(left);
                return Some(entries);
            }
            self.up_to = Bound::Included(left);
        }
    }
}

/// Length of what two texts begin with.
fn common(one: &str, other: &str) -> usize {
    let same = |((_, a), b): &((usize, char), char)| a == b;
    let last = one.char_indices().zip(other.chars()).take_while(same).last();
    last.map_or(0, |((at, c), _)| at + c.len_utf8())
}

/// Whether a model's name is another's with a date or a number behind it.
fn is_snapshot(name: &str, of: &str) -> bool {
    let Some(rest) = name.strip_prefix(of) else { return false };
    let dated = |rest: &str| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_digit() || c == '-')
    };
    rest.is_empty() || rest.strip_prefix(['-', '@']).is_some_and(dated)
}
