//! Steps that have ended, and what they sum up.

use std::sync::Arc;

use super::{Worker, describe};
use crate::contain::contained;
use crate::group::{Group, Sums, around};
use crate::record::{Failure, FallbackAttempt, Kind, Record, StepKind, millis};
use crate::step::OpenStep;

impl Worker {
    /// Finishes a step, or holds it back until the calls below it have ended.
    pub(super) fn end_step(&mut self, step: Box<OpenStep>) {
        match step.group.as_ref().filter(|group| group.is_open()) {
            Some(group) => {
                self.held.insert(group.number, step);
            }
            None => self.finish_step(*step),
        }
    }

    /// Finishes the steps of groups in which nothing is under way any more, the innermost first.
    pub(super) fn let_go(&mut self, idle: Vec<u64>) {
        for number in idle {
            if let Some(step) = self.held.remove(&number) {
                self.finish_step(*step);
            }
        }
    }

    /// Finishes all steps that are held back, in the order they began.
    pub(super) fn let_go_all(&mut self) {
        let mut held: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        held.sort_unstable_by_key(|(number, _)| *number);
        for (_, step) in held {
            self.finish_step(*step);
        }
    }

    fn finish_step(&mut self, mut step: OpenStep) {
        let Some(span) = step.scope.span().cloned() else { return };
        let mut record = Record { name: Some(step.name.to_string()), ..Record::default() };
        step.tell(&mut record);
        let OpenStep { scope, group, kind, at, began, ended, failure, outcome, .. } = step;
        let outer = group.as_ref().map_or(scope.group(), |group| group.parent());
        for (group, distance) in around(outer) {
            group.step(kind, distance);
        }
        let mut record = Record {
            kind: Kind::Step,
            step: Some(kind),
            timestamp: Some(at),
            request_id: contained(|| self.recorder.ids().request_id(at)),
            // A clock that ran backwards knows no time in between.
            total_latency_ms: ended.checked_sub(began).map(millis),
            outcome,
            ..record
        };
        if let Some(kind) = failure {
            record.error = Some(Box::new(Failure { kind, ..Failure::default() }));
        }
        if let Some(group) = group {
            sum_up(&group, kind, &mut record);
        }
        describe(&mut record, Some(scope.attributes()), &span);
        self.accept(Arc::new(record), Some(span));
    }
}

/// Tells the groups around a call that it has ended; gives those that it was the last one of.
pub(super) fn close_groups(
    innermost: Option<&Arc<Group>>,
    attempt: Option<u32>,
    record: Option<&Record>,
) -> Vec<u64> {
    around(innermost)
        .filter(|(group, distance)| group.closed(record, attempt, *distance))
        .map(|(group, _)| group.number)
        .collect()
}

fn sum_up(group: &Group, kind: StepKind, record: &mut Record) {
    let Sums { totals, last, .. } = group.take();
    record.totals = Some(Box::new(totals));
    let Some(last) = last.filter(|_| kind == StepKind::Fallback) else { return };
    record.fallback = Some(FallbackAttempt { attempt: last.attempt, span_id: None });
    (record.provider, record.model) = (last.provider, last.model);
    record.model_version = last.model_version;
    // The function may return before the answer has been read: the answer's own end counts.
    record.outcome = last.outcome.or(record.outcome);
    record.error = last.error;
}
