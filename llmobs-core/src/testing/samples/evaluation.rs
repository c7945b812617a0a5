//! Evaluations.

use crate::record::{Evaluation, Record};
use crate::testing::FakeClock;
use crate::time::Clock;

/// A judgement of [`streamed_chat`](super::streamed_chat), with every field set.
pub fn evaluation() -> Record {
    let evaluation = Evaluation::new("relevance")
        .score(0.75)
        .label("good")
        .explanation("It answers the question.")
        .evaluator("judge-1")
        .error_type("timeout");
    let clock = FakeClock::default();
    clock.advance(std::time::Duration::from_millis(20_000));
    Record {
        timestamp: Some(clock.now()),
        service: Some("shop".into()),
        environment: Some("test".into()),
        ..evaluation.of(&super::streamed_chat())
    }
}
