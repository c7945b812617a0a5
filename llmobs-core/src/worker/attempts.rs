//! The attempts of a call that took several.

use smallvec::SmallVec;

use super::answer::Answer;
use super::outcome::failure;
use crate::call::{BodyEnd, CallShared, CallState, DETAILED, Ending};
use crate::record::{AttemptDetail, Record, millis};

/// Answers to attempts that others followed.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Vec<(u32, Option<u64>, AttemptDetail)>);

impl Abandoned {
    /// Takes an answer that is not the call's; `stream` is what the call asked for.
    pub(super) fn add(&mut self, answer: Answer, call: &CallShared, stream: Option<bool>) {
        if self.0.len() >= DETAILED {
            return;
        }
        let (attempt, headers, status) = (answer.attempt, answer.headers, answer.status);
        let mut scratch = Record { stream, ..Record::default() };
        // Whether all of it was read makes no difference any more.
        let ending = Ending::Body(BodyEnd::Dropped);
        let (closing, _) = answer.close(call, ending, None, &mut scratch);
        let status = headers.is_some().then_some(status);
        let failed = closing.failed || status.is_some_and(|status| status >= 400);
        let detail = AttemptDetail {
            status,
            error: failed.then(|| failure(scratch.error, ending, status)),
            provider_request_id: scratch.provider_request_id,
            rate_limit: scratch.rate_limit,
            server_timing: scratch.server_timing,
            ..AttemptDetail::default()
        };
        self.0.push((attempt, headers, detail));
    }

    /// Writes what is known of each attempt, where there are several; `record` is the call's,
    /// finished, and tells of the attempt that counts.
    pub(super) fn finish(mut self, issued: u64, state: &Marks, record: &mut Record) {
        if state.attempts < 2 {
            return;
        }
        let details = (1..=state.attempts).zip(&state.all_sent).map(|(attempt, &sent)| {
            let told = self.0.iter_mut().find(|(told, _, _)| *told == attempt);
            let (headers, detail) = match told {
                _ if attempt == state.attempt => (state.headers, of_call(state, record)),
                Some((_, headers, detail)) => (*headers, std::mem::take(detail)),
                None => (None, AttemptDetail::default()),
            };
            AttemptDetail {
                sent_ms: Some(millis(sent.saturating_sub(issued))),
                headers_ms: headers.map(|headers| millis(headers.saturating_sub(sent))),
                ..detail
            }
        });
        record.attempt_details = details.collect();
    }
}

/// What a call's state says of its attempts at the end.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    pub(super) attempts: u32,
    /// The one that counts.
    pub(super) attempt: u32,
    pub(super) headers: Option<u64>,
    pub(super) status: Option<u16>,
    all_sent: SmallVec<[u64; 2]>,
}

impl Marks {
    pub(super) fn of(state: &CallState) -> Self {
        let CallState { attempts, attempt, headers, status, .. } = *state;
        Self { attempts, attempt, headers, status, all_sent: state.all_sent.clone() }
    }

    /// When the first attempt was sent.
    pub(super) fn first_sent(&self) -> Option<u64> {
        self.all_sent.first().copied()
    }
}

fn of_call(state: &Marks, record: &Record) -> AttemptDetail {
    AttemptDetail {
        status: state.status,
        error: record.error.clone(),
        provider_request_id: record.provider_request_id.clone(),
        rate_limit: record.rate_limit.clone(),
        server_timing: record.server_timing.clone(),
        ..AttemptDetail::default()
    }
}
