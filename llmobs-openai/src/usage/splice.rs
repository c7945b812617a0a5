//! Adding `stream_options.include_usage` to a request's bytes.

use std::fmt;

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// More answers than any host gives to one request.
const MAX_CHOICES: u32 = 128;

/// The body with the question added, and how many events may answer it; `None` when the body does
/// not ask for a stream, already says whether it wants usage, or is in any way odd.
///
/// Bytes are inserted in one place; those before and after it stay as they are.
pub(super) fn splice(body: &[u8]) -> Option<(Vec<u8>, u32)> {
    // Most requests for no stream have no such word in them, and end here.
    memmem::find(body, b"\"stream\"")?;
    let members: Members<'_> = serde_json::from_slice(body).ok()?;
    if members.stream?.get() != "true" {
        return None;
    }
    let events = match members.n.map(RawValue::get) {
        None | Some("null") => 1,
        // A server may answer once for each choice: llama.cpp does.
        Some(n) => n.parse().ok().filter(|n| (1..=MAX_CHOICES).contains(n))?,
    };
    let (at, insert): (usize, &[u8]) = match members.options.map(RawValue::get) {
        // The object is whole, so it ends with the last brace of all.
        None => (memchr::memrchr(b'}', body)?, br#","stream_options":{"include_usage":true}"#),
        Some(text) => {
            let options: Options = serde_json::from_str(text).ok()?;
            // Both are parts of one piece of memory.
            let at = text.as_ptr().addr().checked_sub(body.as_ptr().addr())? + 1;
            match options {
                Options::Asked => return None,
                Options::Empty => (at, br#""include_usage":true"#),
                Options::Other => (at, br#""include_usage":true,"#),
            }
        }
    };
    let (before, after) = body.split_at_checked(at)?;
    let mut spliced = Vec::with_capacity(body.len() + insert.len());
    spliced.extend_from_slice(before);
    spliced.extend_from_slice(insert);
    spliced.extend_from_slice(after);
    Some((spliced, events))
}

/// The members of a request that matter here, as they were written.
#[derive(Default)]
struct Members<'a> {
    stream: Option<&'a RawValue>,
    options: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                // A key that cannot be borrowed is written with escapes: odd, and an error here.
                while let Some(key) = map.next_key::<&str>()? {
                    let value = map.next_value::<&RawValue>()?;
                    let place = match key {
                        "stream" => &mut members.stream,
                        "stream_options" => &mut members.options,
                        "n" => &mut members.n,
                        _ => continue,
                    };
                    if place.replace(value).is_some() {
                        return Err(A::Error::custom("said twice"));
                    }
                }
                Ok(members)
            }
        }
        json.deserialize_map(Object)
    }
}

/// What `stream_options` says.
enum Options {
    Empty,
    Asked,
    Other,
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Options;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("options")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Options, A::Error> {
                let mut options = Options::Empty;
                while let Some(key) = map.next_key::<&str>()? {
                    map.next_value::<&RawValue>()?;
                    options = match (options, key) {
                        (Options::Asked, _) | (_, "include_usage") => Options::Asked,
                        _ => Options::Other,
                    };
                }
                Ok(options)
            }
        }
        json.deserialize_map(Object)
    }
}
