//! Functions whose work goes on after they have returned: streams and iterators.

use syn::{GenericArgument, Type, TypeImplTrait, TypeParamBound};

use super::type_arguments;

/// A stream or an iterator without a name, around which another can be put.
pub(crate) struct Reading {
    pub(crate) is_stream: bool,
    pub(crate) within: Within,
}

/// Where in the returned value it is.
pub(crate) enum Within {
    Itself,
    Result,
    Option,
}

impl Reading {
    /// What is read, as far as the signature says.
    pub(crate) fn of(returned: &Type) -> Option<Self> {
        match returned {
            Type::ImplTrait(opaque) => {
                Some(Self { is_stream: is_stream(opaque)?, within: Within::Itself })
            }
            Type::Paren(inner) => Self::of(&inner.elem),
            Type::Group(inner) => Self::of(&inner.elem),
            Type::Path(path) => {
                let last = path.path.segments.last()?;
                let within = match last.ident.to_string().as_str() {
                    "Result" => Within::Result,
                    "Option" => Within::Option,
                    _ => return None,
                };
                match type_arguments(last).find_map(inner_type)? {
                    Type::ImplTrait(opaque) => Some(Self { is_stream: is_stream(opaque)?, within }),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn inner_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// `None` for what is neither, and for what promises more than our own types keep.
fn is_stream(opaque: &TypeImplTrait) -> Option<bool> {
    let mut found = None;
    for bound in &opaque.bounds {
        let TypeParamBound::Trait(bound) = bound else { continue };
        let name = bound.path.segments.last()?.ident.to_string();
        let family = match name.as_str() {
            "Stream" | "FusedStream" => true,
            "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" | "FusedIterator" => false,
            "Send" | "Sync" | "Unpin" | "Sized" | "Clone" | "Debug" => continue,
            _ => return None,
        };
        found = Some(family);
    }
    found
}

/// Whether a type is one of the language or its library that is nobody's stream, agent or tool.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if matches!(last.ident.to_string().as_str(), "Result" | "Option") => {
                type_arguments(last).find_map(inner_type).is_none_or(is_plain)
            }
            Some(last) => {
                let name = last.ident.to_string();
                PLAIN.split_whitespace().any(|plain| plain == name)
            }
            None => true,
        },
        Type::Paren(inner) => is_plain(&inner.elem),
        Type::Group(inner) => is_plain(&inner.elem),
        Type::ImplTrait(_) => false,
        _ => true,
    }
}

const PLAIN: &str = "bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 \
    String Vec HashMap BTreeMap HashSet BTreeSet VecDeque PathBuf Path Duration Instant";
