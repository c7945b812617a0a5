//! `br`.

use std::fmt;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Decode, PIECE, Sink, Stop};

/// Tables and buffers beside the window, rounded up.
const TABLES: usize = 256 * 1024;

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

struct Brotli {
    state: Box<State>,
    output: Box<[u8]>,
    total: usize,
    ended: bool,
}

pub(super) fn brotli() -> Box<dyn Decode> {
    let alloc = StandardAlloc::default;
    Box::new(Brotli {
        state: Box::new(State::new_strict(alloc(), alloc(), alloc())),
        output: vec![0; PIECE].into(),
        total: 0,
        ended: false,
    })
}

/// Memory that a body takes whose first byte this is; `None` when no body begins so.
pub(super) fn memory(first: u8) -> Option<usize> {
    // RFC 7932, section 9.1.
    let bits = match (first & 1, (first >> 1) & 7, (first >> 4) & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, 1) => return None,
        (_, 0, more) => 8 + more,
        (_, more, _) => 17 + more,
    };
    Some((1_usize << bits) + TABLES)
}

impl Decode for Brotli {
    fn decode(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<(), Stop> {
        let (mut left, mut at) = (bytes.len(), 0);
        loop {
            if self.ended {
                // What follows the end of the body is none of it.
                return if left == 0 { Ok(()) } else { Err(Stop::Damaged) };
            }
            let (mut free, mut written) = (self.output.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                bytes,
                &mut free,
                &mut written,
                &mut self.output,
                &mut self.total,
                &mut self.state,
            );
            let piece = self.output.get(..written).unwrap_or_default();
            if !piece.is_empty() && !sink(piece) {
                return Err(Stop::GivenUp);
            }
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(Stop::Damaged),
            }
        }
    }

    fn is_whole(&mut self) -> bool {
        self.ended
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("ended", &self.ended).finish_non_exhaustive()
    }
}
