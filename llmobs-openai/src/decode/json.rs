//! Reading JSON that nobody promised: each member on its own, none required, nothing copied.
//!
//! A member of an unexpected type is as if it were not there, and the rest is read. Leaves stay
//! raw text until somebody asks, since most members of most events are never asked for.

mod leaf;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

pub(super) use self::leaf::{count, flag, has_members, has_text, number, some_text, string, text};

/// A member as it was sent; `None` when it was missing or `null`.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Elements of an array that are held at once; whoever sends more is not talking to us.
const MAX_ELEMENTS: usize = 256;

/// A type whose members are read from an object; [`object!`] writes the implementation.
pub(super) trait Object<'de>: Default {
    fn members<A: MapAccess<'de>>(&mut self, map: A) -> Result<(), A::Error>;
}

/// A place a value is read into. In place, since large objects are slow to hand around.
pub(super) trait Slot<'de>: Default {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

/// Reads into a place.
pub(super) struct Fill<'s, S>(pub(super) &'s mut S);

impl<'de, S: Slot<'de>> DeserializeSeed<'de> for Fill<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.fill(deserializer)
    }
}

impl<'de> Slot<'de> for Raw<'de> {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        *self = Deserialize::deserialize(deserializer)?;
        Ok(())
    }
}

/// Declares a type of raw members with the names they are sent under; the last of several wins.
macro_rules! object {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$a:lifetime> {
        $($field:ident: $type:ty = $key:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$a> {
            $($vis $field: $type,)*
        }

        impl<$a> $crate::decode::json::Object<$a> for $name<$a> {
            fn members<A: serde::de::MapAccess<$a>>(&mut self, mut map: A) -> Result<(), A::Error> {
                #[expect(non_camel_case_types, reason = "named as the fields are")]
                enum Field { $($field,)* Other }
                let field = |key: &str| match key {
                    $($key => Field::$field,)*
                    _ => Field::Other,
                };
                while let Some(field) = map.next_key_seed($crate::decode::json::Key(field))? {
                    match field {
                        $(Field::$field => {
                            map.next_value_seed($crate::decode::json::Fill(&mut self.$field))?;
                        })*
                        Field::Other => { map.next_value::<serde::de::IgnoredAny>()?; }
                    }
                }
                Ok(())
            }
        }
    };
}
pub(super) use object;

/// Reads a member's name without keeping it.
pub(super) struct Key<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Key<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Key<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}

/// An object, or whatever came in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maybe<T>(pub(super) Option<T>);

/// An array, or whatever came in its place; one element costs no allocation.
#[derive(Clone, Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> Few<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }

    pub(super) fn one(element: T) -> Self {
        Self { first: Some(element), rest: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

/// The visitor methods of everything that is not wanted here.
macro_rules! others_are_absent {
    ($lifetime:lifetime $($also:ident)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        $(others_are_absent!(@$also $lifetime);)*
    };
    (@seq $lifetime:lifetime) => {
        fn visit_seq<A: SeqAccess<$lifetime>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@map $lifetime:lifetime) => {
        fn visit_map<A: MapAccess<$lifetime>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}
pub(super) use others_are_absent;

impl<'de, T: Object<'de>> Slot<'de> for Maybe<T> {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        struct ObjectVisitor<'s, T>(&'s mut Option<T>);

        impl<'de, T: Object<'de>> Visitor<'de> for ObjectVisitor<'_, T> {
            type Value = ();

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
                self.0.insert(T::default()).members(map)
            }

            others_are_absent!('de seq);
        }

        self.0 = None;
        deserializer.deserialize_any(ObjectVisitor(&mut self.0))
    }
}

impl<'de, T: Slot<'de>> Slot<'de> for Few<T> {
    fn fill<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        struct ArrayVisitor<'s, T>(&'s mut Few<T>);

        impl<'de, T: Slot<'de>> Visitor<'de> for ArrayVisitor<'_, T> {
            type Value = ();

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                let Few { first, rest } = self.0;
                if seq.next_element_seed(Fill(first.insert(T::default())))?.is_none() {
                    *first = None;
                    return Ok(());
                }
                while rest.len() < MAX_ELEMENTS {
                    let mut element = T::default();
                    if seq.next_element_seed(Fill(&mut element))?.is_none() {
                        return Ok(());
                    }
                    rest.push(element);
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }

            others_are_absent!('de map);
        }

        self.first = None;
        self.rest.clear();
        deserializer.deserialize_any(ArrayVisitor(self))
    }
}

/// The text of bytes that should be UTF-8; what is none of it is replaced.
pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    // The lossy conversion is slow on good text too.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Reads all of a text into a place; `None` when it is no JSON.
fn read_into<'a>(text: &'a str, slot: &mut impl Slot<'a>) -> Option<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    slot.fill(&mut deserializer).ok()?;
    deserializer.end().ok()
}

/// The object a text holds; `None` when it is not one.
pub(super) fn read<'a, T: Object<'a>>(text: &'a str) -> Option<T> {
    let mut object = Maybe(None);
    read_into(text, &mut object)?;
    object.0
}

/// The object a member holds.
pub(super) fn member<'a, T: Object<'a>>(raw: Raw<'a>) -> Option<T> {
    raw.filter(|raw| raw.get().starts_with('{')).and_then(|raw| read(raw.get()))
}

/// The array a text holds; empty when it holds none.
pub(super) fn array<'a, T: Slot<'a>>(text: &'a str) -> Few<T> {
    let mut few = Few::default();
    match read_into(text, &mut few) {
        Some(()) => few,
        None => Few::default(),
    }
}

/// The array a member holds; empty when it holds none.
pub(super) fn list<'a, T: Slot<'a>>(raw: Raw<'a>) -> Few<T> {
    match raw.filter(|raw| raw.get().starts_with('[')) {
        Some(raw) => array(raw.get()),
        None => Few::default(),
    }
}

/// Hands over the elements of the array a member holds, one by one, however many there are.
pub(super) fn each<'a, T: Slot<'a>>(raw: Raw<'a>, take: impl FnMut(T)) {
    struct EachVisitor<T, F>(F, PhantomData<T>);

    impl<'de, T: Slot<'de>, F: FnMut(T)> Visitor<'de> for EachVisitor<T, F> {
        type Value = ();

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            loop {
                let mut element = T::default();
                if seq.next_element_seed(Fill(&mut element))?.is_none() {
                    return Ok(());
                }
                (self.0)(element);
            }
        }

        others_are_absent!('de map);
    }

    if let Some(raw) = raw.filter(|raw| raw.get().starts_with('[')) {
        let mut deserializer = serde_json::Deserializer::from_str(raw.get());
        // A raw member has been read once: it is sound.
        let _ = deserializer.deserialize_any(EachVisitor(take, PhantomData));
    }
}
