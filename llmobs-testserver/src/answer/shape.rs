//! Re-cutting and pacing of a body that is written down already.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::answer::{Act, Answer, Step};
use crate::gate::Gate;

impl Answer {
    /// Pauses before each write so far but the first.
    pub fn pause_between(mut self, duration: Duration) -> Self {
        let mut writes = 0;
        let mut body = Vec::new();
        for act in self.body {
            if matches!(act, Act::Once(Step::Write(_))) {
                if writes > 0 {
                    body.push(Act::Once(Step::Pause(duration)));
                }
                writes += 1;
            }
            body.push(act);
        }
        self.body = body;
        self
    }

    /// Waits for a gate before the `n`th write so far, counted from 0; at the end if there are fewer.
    pub fn wait_before(mut self, n: usize, gate: &Gate) -> Self {
        let at = self
            .body
            .iter()
            .enumerate()
            .filter(|(_, act)| matches!(act, Act::Once(Step::Write(_))))
            .map(|(at, _)| at)
            .nth(n)
            .unwrap_or(self.body.len());
        self.body.insert(at, Act::Once(Step::Wait(gate.clone())));
        self
    }

    /// Cuts what is written so far into writes of `n` bytes (of 1 for 0).
    ///
    /// Neighboring writes are joined first; a pause or a gate between them stays where it is.
    pub fn split_every(self, n: usize) -> Self {
        let n = n.max(1);
        self.split(|_, bytes| {
            let mut rest = bytes;
            let mut pieces = Vec::new();
            while rest.len() > n {
                pieces.push(rest.split_to(n));
            }
            pieces.push(rest);
            pieces
        })
    }

    /// Cuts what is written so far at these offsets from the start of the body, and only there.
    pub fn split_at(self, offsets: &[usize]) -> Self {
        let mut offsets = offsets.to_vec();
        offsets.sort_unstable();
        self.split(|start, bytes| {
            let mut rest = bytes;
            let mut from = start;
            let mut pieces = Vec::new();
            for offset in &offsets {
                if *offset > from && *offset - from < rest.len() {
                    pieces.push(rest.split_to(*offset - from));
                    from = *offset;
                }
            }
            pieces.push(rest);
            pieces
        })
    }

    /// Re-cuts each run of neighboring writes; `cut` gets a run's offset and its bytes.
    fn split(mut self, cut: impl Fn(usize, Bytes) -> Vec<Bytes>) -> Self {
        let mut start = 0;
        let mut run = BytesMut::new();
        let mut body = Vec::new();
        let mut flush = |run: &mut BytesMut, body: &mut Vec<Act>| {
            if !run.is_empty() {
                let bytes = run.split().freeze();
                let n_bytes = bytes.len();
                body.extend(cut(start, bytes).into_iter().map(|b| Act::Once(Step::Write(b))));
                start += n_bytes;
            }
        };
        for act in self.body {
            if let Act::Once(Step::Write(bytes)) = act {
                run.extend_from_slice(&bytes);
            } else {
                flush(&mut run, &mut body);
                body.push(act);
            }
        }
        flush(&mut run, &mut body);
        self.body = body;
        self
    }
}
