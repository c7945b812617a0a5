//! Ids: W3C trace and span ids, and UUIDv7 request ids.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// Where ids come from.
pub trait Ids: fmt::Debug + Send + Sync + 'static {
    /// A new trace id.
    fn trace_id(&self) -> TraceId;
    /// A new span id.
    fn span_id(&self) -> SpanId;
    /// A new request id for an operation that begins `now`.
    fn request_id(&self, now: Timestamp) -> RequestId;
}

impl<I: Ids + ?Sized> Ids for Arc<I> {
    fn trace_id(&self) -> TraceId {
        (**self).trace_id()
    }

    fn span_id(&self) -> SpanId {
        (**self).span_id()
    }

    fn request_id(&self, now: Timestamp) -> RequestId {
        (**self).request_id(now)
    }
}

/// Random ids from a generator each thread keeps for itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn trace_id(&self) -> TraceId {
        TraceId::new(fastrand::u128(1..)).unwrap_or(TraceId(NonZeroU128::MIN))
    }

    fn span_id(&self) -> SpanId {
        SpanId::new(fastrand::u64(1..)).unwrap_or(SpanId(NonZeroU64::MIN))
    }

    fn request_id(&self, now: Timestamp) -> RequestId {
        RequestId::new(now, fastrand::u128(..))
    }
}

/// The bytes in lower-case hex, two digits each; `text` is room for them.
fn hex<'t>(bytes: &[u8], text: &'t mut [u8]) -> &'t str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    let digit = |of: u8| DIGITS.get(usize::from(of)).copied().unwrap_or_default();
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $int:ty, $nonzero:ty, $width:literal, $schema:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($nonzero);

        impl $name {
            /// The id with this value; `None` for zero, which W3C Trace Context forbids.
            pub fn new(value: $int) -> Option<Self> {
                <$nonzero>::new(value).map(Self)
            }

            /// The id as a number.
            pub fn get(self) -> $int {
                self.0.get()
            }

            /// The id as bytes, most significant first.
            pub fn to_bytes(self) -> [u8; $width / 2] {
                self.0.get().to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(hex(&self.to_bytes(), &mut [0; $width]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid = text.len() == $width && text.bytes().all(|b| b.is_ascii_hexdigit());
                let value = valid.then(|| <$int>::from_str_radix(text, 16).ok()).flatten();
                value.and_then(Self::new).ok_or(IdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(hex(&self.to_bytes(), &mut [0; $width]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $schema })
            }
        }
    };
}

hex_id!(
    /// A W3C trace id, written as 32 hex digits.
    TraceId, u128, NonZeroU128, 32, "^[0-9a-f]{32}$"
);
hex_id!(
    /// A W3C span id, written as 16 hex digits.
    SpanId, u64, NonZeroU64, 16, "^[0-9a-f]{16}$"
);

/// Our own id of an operation: a UUIDv7, so that ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// The id for an operation that begins `now`, filled up with `random` bits.
    pub fn new(now: Timestamp, random: u128) -> Self {
        let [bits @ .., _, _, _, _, _, _] = random.to_be_bytes();
        let millis = now.unix_nanos() / 1_000_000;
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RequestId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for RequestId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RequestId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "uuid" })
    }
}

/// A text that is no id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected lower-case hex of the right length, not all zero")]
pub struct IdError;
