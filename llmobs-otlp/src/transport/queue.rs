//! Loads on their way to one endpoint, and what becomes of them.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::load::Request;
use super::{Blame, ExportError, Load, Transport};

/// Bytes of encoded items one request may hold, so that all of it stays below the 4 MiB that gRPC
/// servers take unless told otherwise.
const MAX_BYTES: usize = 4_000_000;
/// Requests are made no smaller than this for being too large: below it, it is the one item.
const MIN_BYTES: usize = 16 << 10;

/// What is left to send of a batch, and what was lost of it.
///
/// A request that is refused for something in it is halved until the bad items are alone; only they are
/// lost. Nothing that was taken is sent again.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The next last.
    requests: Vec<Request>,
    /// Times that they may still be halved to look for what is bad in them.
    halvings: u32,
    searched: bool,
    settled: Settled,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Records that something was refused of.
    pub(crate) refused: BTreeSet<usize>,
    /// Items that were rejected, nobody knows which.
    pub(crate) rejected: u64,
    /// Why.
    pub(crate) message: Option<String>,
    /// What an endpoint that has taken everything said about it.
    pub(crate) notice: Option<String>,
    /// Something was taken.
    pub(crate) taken: bool,
}

/// What was learned of an endpoint from one batch to the next.
#[derive(Debug)]
pub(crate) struct Experience {
    /// Bytes a request may hold.
    limit: usize,
    /// The last search for something bad found nothing good: it is the endpoint that refuses.
    futile: bool,
}

impl Default for Experience {
    fn default() -> Self {
        Self { limit: MAX_BYTES, futile: false }
    }
}

impl Experience {
    pub(crate) fn fits(&self, load: &Load, more: usize) -> bool {
        load.bytes() + more <= self.limit
    }
}

impl Queue {
    /// Loads to be sent in this order.
    pub(crate) fn new(loads: Vec<Load>, experience: &Experience) -> Self {
        let requests: Vec<Request> = loads.into_iter().rev().map(Into::into).collect();
        let items: usize = requests.iter().map(|request| request.items().len()).sum();
        // Enough to find one bad item; with some hope, enough to find four.
        let one = items.max(1).ilog2() + 1;
        let halvings = if experience.futile { one } else { 4 * one };
        Self { requests, halvings, ..Self::default() }
    }

    /// Sends what is left; `what` are the items.
    ///
    /// # Errors
    ///
    /// When the endpoint may take it later; what is left then is still there.
    pub(crate) fn send(
        &mut self,
        transport: &mut Transport,
        experience: &mut Experience,
        what: &str,
    ) -> Result<Settled, ExportError> {
        while let Some(request) = self.requests.pop() {
            if request.bytes() > experience.limit && request.items().len() > 1 {
                self.halve(request);
                continue;
            }
            match transport.send(request.body()) {
                Ok(answer) => self.settled.take(&request, &answer, what),
                Err(err) if err.retryable => {
                    self.requests.push(request);
                    return Err(err);
                }
                Err(err) => self.refused(request, err, experience),
            }
        }
        let settled = std::mem::take(&mut self.settled);
        if settled.taken {
            experience.futile = false;
        } else if self.searched {
            experience.futile = true;
        }
        Ok(settled)
    }

    /// The first record that something is left of, or was not taken of.
    pub(super) fn first_left(&self) -> usize {
        if self.settled.rejected > 0 {
            // It may have been any.
            return 0;
        }
        let items = self.requests.iter().flat_map(Request::items);
        let left = items.map(|item| item.record).chain(self.settled.refused.first().copied());
        left.min().unwrap_or_default()
    }

    fn refused(&mut self, request: Request, err: ExportError, experience: &mut Experience) {
        let several = request.items().len() > 1;
        if err.blame == Blame::Size && several && request.bytes() > MIN_BYTES {
            experience.limit = (request.bytes() / 2).max(MIN_BYTES);
            return self.halve(request);
        }
        let inside = matches!(err.blame, Blame::Request | Blame::Size);
        if inside && several && self.halvings > 0 {
            self.halvings -= 1;
            self.searched = true;
            return self.halve(request);
        }
        self.settled.refused.extend(request.items().iter().map(|item| item.record));
        self.settled.message = Some(err.message);
    }

    fn halve(&mut self, request: Request) {
        let [first, second] = request.halves();
        self.requests.extend([second, first]);
    }
}

impl Settled {
    fn take(&mut self, request: &Request, answer: &[u8], what: &str) {
        // The answers of all signals are alike. Many send the field always; empty, it says nothing.
        let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
        let partial = answer.partial_success.unwrap_or_default();
        let said = partial.error_message;
        let rejected = u64::try_from(partial.rejected_spans).unwrap_or_default();
        if rejected == 0 {
            self.taken = true;
            if !said.is_empty() {
                self.notice = Some(said);
            }
            return;
        }
        let items = request.items().len() as u64;
        self.taken |= rejected < items;
        self.rejected += rejected.min(items);
        self.message = Some(if said.is_empty() {
            format!("the endpoint rejected {rejected} {what}")
        } else {
            format!("the endpoint rejected {rejected} {what}: {said}")
        });
    }
}
