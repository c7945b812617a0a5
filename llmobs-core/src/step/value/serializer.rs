//! A JSON serializer that stops where it is told to.
//!
//! serde_json's would go through a text of 50 MB before it writes the first byte of it, and follow
//! a value as deep as the stack goes.

use std::fmt::{Display, Write as _};

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::writer::{Stop, Text, Writer, Written};

impl Writer {
    fn compound(&mut self, open: &[u8], close: &'static [u8]) -> Result<Compound<'_>, Stop> {
        self.open(open)?;
        Ok(Compound { writer: self, first: true, close })
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
