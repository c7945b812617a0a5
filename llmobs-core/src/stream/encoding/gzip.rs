//! `gzip` and `deflate`.

use std::fmt;
use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{Decode, PIECE, Sink, Stop};

/// Window, tables and two buffers, rounded up.
pub(super) const MEMORY: usize = 128 * 1024;

pub(super) fn gzip() -> Box<dyn Decode> {
    Box::new(Inflate(MultiGzDecoder::new(Vec::new())))
}

/// By the standard this is zlib's format; many servers send the bare one.
pub(super) fn deflate(first: u8) -> Box<dyn Decode> {
    if first & 0x0f == 8 {
        Box::new(Inflate(ZlibDecoder::new(Vec::new())))
    } else {
        Box::new(Inflate(DeflateDecoder::new(Vec::new())))
    }
}

struct Inflate<D>(D);

/// What flate2's decoders have in common.
trait Decoder: Write + Send {
    fn output(&mut self) -> &mut Vec<u8>;
    fn end(&mut self) -> io::Result<()>;
}

macro_rules! decoder {
    ($($name:ident)*) => { $(
        impl Decoder for $name<Vec<u8>> {
            fn output(&mut self) -> &mut Vec<u8> {
                self.get_mut()
            }

            fn end(&mut self) -> io::Result<()> {
                self.try_finish()
            }
        }
    )* };
}

decoder!(MultiGzDecoder ZlibDecoder DeflateDecoder);

impl<D: Decoder> Inflate<D> {
    fn hand_on(&mut self, sink: Sink<'_>) -> Result<(), Stop> {
        let output = self.0.output();
        let wanted = output.chunks(PIECE).all(sink);
        output.clear();
        if wanted { Ok(()) } else { Err(Stop::GivenUp) }
    }
}

impl<D: Decoder> Decode for Inflate<D> {
    fn decode(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<(), Stop> {
        while !bytes.is_empty() {
            // A write decodes a buffer's worth and no more.
            let taken = self.0.write(bytes).map_err(|_| Stop::Damaged)?;
            self.hand_on(sink)?;
            // What follows the end of the body is none of it.
            bytes = bytes.get(taken..).filter(|_| taken > 0).ok_or(Stop::Damaged)?;
        }
        self.0.flush().map_err(|_| Stop::Damaged)?;
        self.hand_on(sink)
    }

    fn is_whole(&mut self) -> bool {
        self.0.end().is_ok()
    }
}

impl<D> fmt::Debug for Inflate<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate").finish_non_exhaustive()
    }
}
