//! Compressed bodies, decoded piece by piece as they arrive.

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(feature = "gzip")]
mod gzip;

use crate::decoder::Headers;

/// Bytes a body may grow to whatever it came from, and how many times its wire length it may be
/// beyond that. Streams of events shrink to a hundredth at most; bombs to a thousandth and less.
const FREE: u64 = 1 << 20;
const RATIO: u64 = 256;

/// Piece of decoded bytes that is handed on at once, in bytes.
#[cfg(any(feature = "gzip", feature = "brotli"))]
const PIECE: usize = 16 * 1024;

/// How the bytes of a body are encoded, and what has come of decoding them.
#[derive(Debug, Default)]
pub(crate) enum Encoding {
    /// They are what they are.
    #[default]
    Plain,
    /// Nothing has come yet.
    Named(Name),
    Decoding {
        decoder: Box<dyn Decode>,
        /// Bytes that came, and what they were decoded to.
        wire: u64,
        decoded: u64,
    },
    /// What comes cannot be made sense of any more.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Gzip,
    Deflate,
    Brotli,
    /// One we have never heard of, or several on top of each other.
    Unknown,
}

/// Why decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes are not of that encoding.
    Damaged,
    /// This build cannot decode it, or there is no room for that, or too much comes out of it.
    GivenUp,
}

/// Where decoded bytes go; `false` when no more of them are wanted.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

/// One decoder, fed with bytes cut anywhere.
pub(crate) trait Decode: std::fmt::Debug + Send {
    /// Hands on everything that `bytes` complete, in pieces of bounded size.
    fn decode(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<(), Stop>;

    /// Whether the bytes so far are a whole body.
    fn is_whole(&mut self) -> bool;
}

impl Encoding {
    /// What the headers of an answer say.
    pub(crate) fn of(headers: &Headers<'_>) -> Self {
        let mut found = Self::Plain;
        let lines = headers.iter().filter(|(name, _)| *name == "content-encoding");
        for name in lines.flat_map(|(_, value)| value.split(',')) {
            let name = match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Name::Gzip,
                "deflate" => Name::Deflate,
                "br" => Name::Brotli,
                _ => Name::Unknown,
            };
            found = match found {
                Self::Plain => Self::Named(name),
                _ => Self::Named(Name::Unknown),
            };
        }
        found
    }

    /// Hands on what `bytes` decode to; `room` says whether there is memory for a decoder. After an
    /// error everything is lost.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        room: impl FnOnce(usize) -> bool,
        sink: Sink<'_>,
    ) -> Result<(), Stop> {
        let Some(first) = bytes.first() else { return Ok(()) };
        if let Self::Named(name) = *self {
            let started = start(name, *first)
                .and_then(|(decoder, memory)| room(memory).then_some(decoder).ok_or(Stop::GivenUp));
            *self = match started {
                Ok(decoder) => Self::Decoding { decoder, wire: 0, decoded: 0 },
                Err(stop) => {
                    *self = Self::Lost;
                    return Err(stop);
                }
            };
        }
        let result = match self {
            Self::Decoding { decoder, wire, decoded } => {
                *wire += bytes.len() as u64;
                let most = FREE.saturating_add(wire.saturating_mul(RATIO));
                decoder.decode(bytes, &mut |piece| {
                    *decoded += piece.len() as u64;
                    *decoded <= most && sink(piece)
                })
            }
            Self::Plain | Self::Named(_) => {
                sink(bytes);
                Ok(())
            }
            Self::Lost => Err(Stop::GivenUp),
        };
        if result.is_err() {
            *self = Self::Lost;
        }
        result
    }

    /// Whether a body that ended here is whole, as far as its encoding can tell.
    pub(crate) fn is_whole(&mut self) -> bool {
        match self {
            Self::Plain | Self::Named(_) => true,
            Self::Decoding { decoder, .. } => decoder.is_whole(),
            Self::Lost => false,
        }
    }
}

/// A decoder for a body that begins with `first`, and the memory it takes, in bytes.
fn start(name: Name, first: u8) -> Result<(Box<dyn Decode>, usize), Stop> {
    match name {
        #[cfg(feature = "gzip")]
        Name::Gzip => Ok((gzip::gzip(), gzip::MEMORY)),
        #[cfg(feature = "gzip")]
        Name::Deflate => Ok((gzip::deflate(first), gzip::MEMORY)),
        #[cfg(feature = "brotli")]
        Name::Brotli => Ok((brotli::brotli(), brotli::memory(first).ok_or(Stop::Damaged)?)),
        Name::Unknown => Err(Stop::Damaged),
        #[cfg(not(all(feature = "gzip", feature = "brotli")))]
        _ => {
            let _ = first;
            Err(Stop::GivenUp)
        }
    }
}
