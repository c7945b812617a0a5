//! What is known of a stream before it is read.

use std::borrow::Cow;

use bytes::Bytes;

use crate::decoder::Target;
use crate::semconv::operation;

/// What a stream is, for the record of a call that nobody else sees.
#[derive(Clone, Debug)]
pub struct StreamStart {
    pub(super) operation: &'static str,
    pub(super) provider: Option<&'static str>,
    /// Method and path of the wire format that items are told in.
    pub(super) format: Option<(&'static str, &'static str)>,
    pub(super) host: Cow<'static, str>,
    pub(super) port: Option<u16>,
    pub(super) request: Option<Bytes>,
}

impl Default for StreamStart {
    fn default() -> Self {
        Self::new(operation::CHAT)
    }
}

impl StreamStart {
    /// A stream of this operation, by the names of [`semconv::operation`](operation).
    pub fn new(operation: &'static str) -> Self {
        Self {
            operation,
            provider: None,
            format: None,
            host: Cow::Borrowed(""),
            port: None,
            request: None,
        }
    }

    /// A stream whose items are told by [`Notes::event`](super::Notes::event), as events of the
    /// format that answers to requests of this method and path are in. Where no decoder knows it,
    /// only what [`Notes`](super::Notes) says otherwise is recorded.
    pub fn in_format(method: &'static str, path: &'static str) -> Self {
        Self { format: Some((method, path)), ..Self::default() }
    }

    /// Who answers, by the names of [`semconv::provider`](crate::semconv::provider). Defaults to what
    /// the host tells, if there is one.
    #[must_use]
    pub fn provider(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Where the call went. Defaults to unknown.
    #[must_use]
    pub fn server(mut self, host: impl Into<Cow<'static, str>>, port: Option<u16>) -> Self {
        (self.host, self.port) = (host.into(), port);
        self
    }

    /// The request's body, in the format of [`in_format`](Self::in_format). Defaults to unknown.
    #[must_use]
    pub fn request(mut self, body: impl Into<Bytes>) -> Self {
        self.request = Some(body.into());
        self
    }

    pub(super) fn target(&self) -> Target<'_> {
        let (method, path) = self.format.unwrap_or_default();
        Target { method, host: &self.host, port: self.port, path }
    }
}
