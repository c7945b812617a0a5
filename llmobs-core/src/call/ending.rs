//! How calls and their bodies end.

use crate::semconv::error_type;

/// Why an attempt got no answer, or a call no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection could not be made.
    Connect,
    /// A time limit ran out.
    Timeout,
    /// The connection broke.
    Broken,
    /// The request could not be built.
    Request,
    /// Anything else.
    Other,
}

impl TransportError {
    /// The name in the record, one of [`error_type`].
    pub fn error_type(self) -> &'static str {
        match self {
            Self::Connect => error_type::CONNECT,
            Self::Timeout => error_type::TIMEOUT,
            Self::Broken => error_type::TRANSPORT,
            Self::Request => error_type::REQUEST,
            Self::Other => error_type::OTHER,
        }
    }
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// To its last byte.
    Complete,
    /// By an error of the transport.
    Failed(TransportError),
    /// By being dropped before that.
    Dropped,
}

/// How a call ended, as seen from the caller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Body(BodyEnd),
    Error(TransportError),
    Dropped,
    Unfinished,
}

impl Ending {
    /// How the transport failed, if it did.
    pub(crate) fn transport_error(self) -> Option<TransportError> {
        match self {
            Self::Body(BodyEnd::Failed(error)) | Self::Error(error) => Some(error),
            _ => None,
        }
    }
}
