//! Compressed requests, to endpoints that take them.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::{Blame, ExportError};
use crate::otlp::Compression;

/// What is known of an endpoint and gzip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gzip {
    /// Not asked for, or not understood there.
    Off,
    Untried,
    /// A compressed request was taken: refusals are about something else.
    Works,
}

impl Gzip {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Off,
            Compression::Gzip => Self::Untried,
        }
    }

    pub(super) fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Whether the compression may be why a request was refused.
    pub(super) fn is_doubtful(&mut self, answer: &Result<Vec<u8>, ExportError>) -> bool {
        match answer {
            Ok(_) => {
                *self = Self::Works;
                false
            }
            Err(err) if err.retryable => false,
            Err(err) => match err.blame {
                Blame::Encoding => true,
                // What a server makes of gzip that it takes for protobuf.
                Blame::Request => *self == Self::Untried,
                Blame::Size | Blame::Endpoint => false,
            },
        }
    }

    /// Learns from the same request sent compressed and plain.
    pub(super) fn compared(
        &mut self,
        compressed: &Result<Vec<u8>, ExportError>,
        plain: &Result<Vec<u8>, ExportError>,
    ) {
        let told = matches!(compressed, Err(err) if err.blame == Blame::Encoding);
        if told || plain.is_ok() {
            *self = Self::Off;
        }
    }
}

/// `body` in gzip, quickly: most of an export is text that repeats itself.
pub(super) fn compressed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
