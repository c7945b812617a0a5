//! Values of the application as JSON, written on its own thread: bounded in bytes and depth,
//! whatever their `Serialize` or `Debug` does.

mod serializer;
mod writer;

use crate::contain::contained;
use std::fmt;

use serde::{Serialize, Serializer};

use self::writer::{Stop, Writer};

/// A value as JSON, as far as it went.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) json: Vec<u8>,
    /// Bytes that are known to come after; 0 with `whole` unset when nobody knows how many.
    pub(crate) beyond: u64,
    /// Nothing is missing.
    pub(crate) whole: bool,
}

impl Piece {
    /// Writes `value`, at most `limit` bytes of it; `None` when it cannot be told or panics.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T, limit: usize) -> Option<Self> {
        let mut writer = Writer::new(limit);
        let written = contained(|| value.serialize(&mut writer))?;
        match written {
            Ok(()) => {}
            Err(Stop::Full) => {}
            Err(Stop::Refused) => return None,
        }
        let whole = !writer.is_full();
        let (json, beyond) = writer.into_parts();
        Some(Self { json, beyond, whole })
    }
}

/// A value told by its `Debug`, as one string.
#[derive(Debug)]
pub struct Shown<'v, T: ?Sized>(pub &'v T);

impl<T: fmt::Debug + ?Sized> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

/// The beginning of a text, at most `bytes` long.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    let cut = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    cut.and_then(|cut| text.get(..cut)).unwrap_or_default()
}
