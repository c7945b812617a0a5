//! Time of day and time elapsed, behind one seam.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the recorder reads time.
///
/// Both readings come from one source so that a test can move them together. Intervals are only
/// ever taken from [`elapsed`](Clock::elapsed), which never runs backwards; of one that does all the
/// same, the intervals it did so in stay unknown. A time of day before the year 2000 is that of a clock
/// that was never set: records have none then. A clock that panics is taken to stand still, and the time
/// of day is the machine's.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Nanoseconds since some fixed point in the process.
    fn elapsed(&self) -> u64;
    /// Time of day.
    fn now(&self) -> Timestamp;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn elapsed(&self) -> u64 {
        (**self).elapsed()
    }

    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// A time of day in UTC, in nanoseconds since 1970; written as RFC 3339 with microseconds.
///
/// ```
/// use llmobs_core::Timestamp;
///
/// let t: Timestamp = "2026-01-02T03:04:05.000006Z".parse()?;
/// assert_eq!(t.plus_millis(1.5).to_string(), "2026-01-02T03:04:05.001506Z");
/// # Ok::<(), llmobs_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time `nanos` nanoseconds after 1970-01-01.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01.
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Whether it can be the time of day of anything observed: not that of a clock nobody has set.
    pub(crate) fn is_plausible(self) -> bool {
        const YEAR_2000: u64 = 946_684_800 * 1_000_000_000;
        self.0 >= YEAR_2000
    }

    /// The time `millis` milliseconds later.
    pub fn plus_millis(self, millis: f64) -> Self {
        Self(self.0.saturating_add((millis * 1e6).round() as u64))
    }

    /// The time `nanos` nanoseconds later.
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Milliseconds from `earlier` to this time; negative when it is later.
    pub fn millis_since(self, earlier: Self) -> f64 {
        // Not each as a float: nanoseconds since 1970 would lose their last two digits.
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / 1e6
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).ok();
        // The first moment of 1970, which is taken for no time at all, also stands for what is before
        // it, and for what this cannot express: the years from 2554 on.
        Self(since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default())
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_nanos(time.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        write!(f, "{time:.6}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        u64::try_from(time.as_nanosecond()).map(Self).map_err(|_| TimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A text that is no RFC 3339 time after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time after 1970")]
pub struct TimestampError;
