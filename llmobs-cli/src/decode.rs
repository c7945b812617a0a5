//! Records from recorded exchanges, by the code that observes live ones.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use bytes::Bytes;
use llmobs_core::{BodyEnd, Capture, DecodeError, Exchange, Offline, Record, Target};
use llmobs_openai::OpenAi;

use crate::input::{Damage, Damaged, InputError, Recorded, Source};

/// Makes records from recorded exchanges.
#[derive(Debug)]
pub struct Decode {
    offline: Offline,
    split: Option<NonZeroUsize>,
    decoded: u64,
}

impl Decode {
    /// With `content`, records hold messages and tool arguments, else none of what was said.
    /// With `split`, bodies are read in pieces of so many bytes, which changes no record.
    pub fn new(content: bool, split: Option<NonZeroUsize>) -> Self {
        let capture = if content { Capture::ALL } else { Capture::NONE };
        Self { offline: Offline::new(OpenAi, capture), split, decoded: 0 }
    }

    /// How many exchanges were decoded so far.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Writes a line for each exchange of `source`, in order, and counts what is none. Tells
    /// whether `out` takes more.
    ///
    /// # Errors
    ///
    /// When the source cannot be read to its end; what came before has been written.
    pub fn run(
        &mut self,
        source: &Source,
        damaged: &mut Damaged,
        out: &mut impl Write,
    ) -> Result<io::Result<()>, InputError> {
        let mut written = Ok(());
        source.read_exchanges(damaged, |recorded| {
            let record = self.record(recorded)?;
            let mut line = serde_json::to_vec(&record).map_err(|_| Damage::Unreadable)?;
            line.push(b'\n');
            written = out.write_all(&line);
            Ok(if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(written)
    }

    /// The record of one exchange.
    ///
    /// # Errors
    ///
    /// When its format is unknown, or the decoder fails over it.
    pub fn record(&mut self, mut recorded: Recorded) -> Result<Record, Damage> {
        let request = Bytes::from(recorded.request.take().unwrap_or_default());
        let body = Bytes::from(std::mem::take(&mut recorded.response));
        let (host, port) = recorded.host();
        let is_host = port.is_some() || host.contains('.');
        let method = recorded.method.to_ascii_uppercase();
        let path = recorded.path.split('?').next().unwrap_or_default();
        let names = recorded.response_headers.iter().flatten();
        let headers: Vec<_> = names
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?)))
            .collect();
        let content_type = recorded.content_type.as_deref().map(|value| ("content-type", value));
        let headers: Vec<_> = content_type
            .into_iter()
            .chain(headers.iter().map(|(name, value)| (name.as_str(), *value)))
            .collect();
        let exchange = Exchange {
            target: Target { method: &method, host, port, path },
            request,
            status: recorded.status,
            headers: &headers,
            end: BodyEnd::Complete,
        };
        let piece = self.split.map_or(body.len().max(1), NonZeroUsize::get);
        let pieces = (0..body.len()).step_by(piece);
        let pieces = pieces.map(|at| body.slice(at..body.len().min(at.saturating_add(piece))));
        let record = self.offline.decode(&exchange, pieces);
        let mut record = record.map_err(|err| match err {
            DecodeError::UnknownFormat => Damage::UnknownFormat,
            _ => Damage::Unreadable,
        })?;
        self.decoded += 1;
        // A name tells who answered, not where.
        record.server = record.server.filter(|_| is_host);
        record.provider = record.provider.filter(|provider| !provider.is_empty());
        record.exchange_id = recorded.id;
        Ok(record)
    }
}
