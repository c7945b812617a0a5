//! A JSON writer that stops where it is told to.
//!
//! serde_json's would go through a text of 50 MB before it writes the first byte of it, and follow
//! a value as deep as the stack goes.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::prefix;

/// Levels of arrays and objects that are followed.
const MAX_DEPTH: u32 = 64;

/// Why a value is not told further.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// The limit is reached.
    Full,
    /// The value cannot be told.
    Refused,
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the limit of a captured value is reached",
            Self::Refused => "the value cannot be written as JSON",
        })
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    // The message is not kept: it may quote the value.
    fn custom<T: Display>(_message: T) -> Self {
        Self::Refused
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    out: Vec<u8>,
    limit: usize,
    depth: u32,
    full: bool,
    /// Bytes of the text that did not fit.
    beyond: u64,
}

type Written = Result<(), Stop>;

impl Writer {
    pub(super) fn new(limit: usize) -> Self {
        Self { out: Vec::with_capacity(64.min(limit)), limit, depth: 0, full: false, beyond: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_parts(self) -> (Vec<u8>, u64) {
        (self.out, self.beyond)
    }

    fn raw(&mut self, bytes: &[u8]) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        let room = self.limit - self.out.len().min(self.limit);
        match bytes.get(..room) {
            Some(fits) if room < bytes.len() => {
                self.out.extend_from_slice(fits);
                self.stop(bytes.len() - room)
            }
            _ => {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn stop(&mut self, beyond: usize) -> Written {
        self.full = true;
        self.beyond = self.beyond.saturating_add(beyond as u64);
        Err(Stop::Full)
    }

    fn display(&mut self, value: impl Display) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        // Numbers: as short as they are.
        let begin = self.out.len();
        let _ = write!(self.out, "{value}");
        if self.out.len() > self.limit {
            let beyond = self.out.len() - self.limit;
            self.out.truncate(self.limit.max(begin));
            return self.stop(beyond);
        }
        Ok(())
    }

    /// The inside of a string; what cannot fit is not even looked at.
    fn escaped(&mut self, text: &str) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        let fits = prefix(text, self.limit - self.out.len().min(self.limit));
        let written = self.escape(fits.as_bytes());
        match text.len() - written {
            0 => Ok(()),
            beyond => {
                self.beyond = 0;
                self.stop(beyond)
            }
        }
    }

    /// Writes bytes of a string, and says how many of them there was room for.
    fn escape(&mut self, text: &[u8]) -> usize {
        let mut plain = 0;
        for (at, byte) in text.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..=0x1f | 0x7f => &format!("\\u{byte:04x}").into_bytes(),
                _ => continue,
            };
            let written = self.raw(text.get(plain..at).unwrap_or_default());
            if written.and_then(|()| self.raw(escape)).is_err() {
                return plain;
            }
            plain = at + 1;
        }
        match self.raw(text.get(plain..).unwrap_or_default()) {
            Ok(()) => text.len(),
            Err(_) => plain,
        }
    }

    fn open(&mut self, bytes: &[u8]) -> Written {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.stop(0);
        }
        self.raw(bytes)
    }

    fn compound(&mut self, open: &[u8], close: &'static [u8]) -> Result<Compound<'_>, Stop> {
        self.open(open)?;
        Ok(Compound { writer: self, first: true, close })
    }

    /// `{"variant":` and what follows.
    fn variant(&mut self, variant: &str, open: &[u8]) -> Written {
        self.open(b"{")?;
        self.raw(b"\"")?;
        self.escaped(variant)?;
        self.raw(b"\":")?;
        self.raw(open)
    }
}

/// Writes what a `Display` or `Debug` gives into a string, and stops it when that is full.
struct Text<'w>(&'w mut Writer);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.escaped(text).map_err(|_| fmt::Error)
    }
}

/// An array or an object under way.
pub(super) struct Compound<'w> {
    writer: &'w mut Writer,
    first: bool,
    close: &'static [u8],
}

impl Compound<'_> {
    fn comma(&mut self) -> Written {
        if std::mem::take(&mut self.first) { Ok(()) } else { self.writer.raw(b",") }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.comma()?;
        value.serialize(&mut *self.writer)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.comma()?;
        let begin = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        match self.writer.out.get(begin) {
            Some(b'"') => {}
            // Numbers and booleans are keys in quotes; what is neither is no key.
            Some(b'{' | b'[') | None => return Err(Stop::Refused),
            Some(_) => {
                self.writer.out.insert(begin, b'"');
                self.writer.raw(b"\"")?;
            }
        }
        self.writer.raw(b":")
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.key(name)?;
        value.serialize(&mut *self.writer)
    }

    fn finish(self) -> Written {
        self.writer.depth -= 1;
        self.writer.raw(self.close)
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty,)*) => {
        $(fn $method(self, value: $number) -> Written {
            self.display(value)
        })*
    };
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Compound<'w>;
    type SerializeTuple = Compound<'w>;
    type SerializeTupleStruct = Compound<'w>;
    type SerializeTupleVariant = Compound<'w>;
    type SerializeMap = Compound<'w>;
    type SerializeStruct = Compound<'w>;
    type SerializeStructVariant = Compound<'w>;

    numbers! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
    }

    fn serialize_f32(self, value: f32) -> Written {
        // JSON has no infinity and no NaN. `Debug` writes large numbers short, in JSON's way.
        if value.is_finite() { self.display(format_args!("{value:?}")) } else { self.raw(b"null") }
    }

    fn serialize_f64(self, value: f64) -> Written {
        if value.is_finite() { self.display(format_args!("{value:?}")) } else { self.raw(b"null") }
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        self.raw(b"\"")?;
        self.escaped(value)?;
        self.raw(b"\"")
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        let mut bytes = self.compound(b"[", b"]")?;
        value.iter().try_for_each(|byte| bytes.element(byte))?;
        bytes.finish()
    }

    fn serialize_none(self) -> Written {
        self.raw(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.raw(b"null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        self.raw(b"null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.variant(variant, b"")?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        self.raw(b"}")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Compound<'w>, Stop> {
        self.compound(b"[", b"]")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Compound<'w>, Stop> {
        self.compound(b"[", b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Stop> {
        self.compound(b"[", b"]")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'w>, Stop> {
        self.variant(variant, b"[")?;
        Ok(Compound { writer: self, first: true, close: b"]}" })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Compound<'w>, Stop> {
        self.compound(b"{", b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Stop> {
        self.compound(b"{", b"}")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'w>, Stop> {
        self.variant(variant, b"{")?;
        Ok(Compound { writer: self, first: true, close: b"}}" })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Written {
        self.raw(b"\"")?;
        match write!(Text(self), "{value}") {
            Ok(()) => self.raw(b"\""),
            Err(_) if self.full => Err(Stop::Full),
            Err(_) => Err(Stop::Refused),
        }
    }
}

macro_rules! elements {
    ($($compound:ident: $method:ident,)*) => {
        $(impl $compound for Compound<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }

            fn end(self) -> Written {
                self.finish()
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($compound:ident,)*) => {
        $(impl $compound for Compound<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Written {
                self.field(name, value)
            }

            fn end(self) -> Written {
                self.finish()
            }
        })*
    };
}

fields! {
    SerializeStruct,
    SerializeStructVariant,
}

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Written {
        self.finish()
    }
}
