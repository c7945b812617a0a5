//! Those who flush, and those who answer.

use std::sync::Arc;
use std::time::Instant;

use loom::thread::{self, JoinHandle};

use crate::check;
use crate::core::flush::FlushRequest;

/// Does something with the request on a thread of its own.
fn beside<T: 'static>(
    request: &Arc<FlushRequest>,
    run: impl FnOnce(&Arc<FlushRequest>) -> T + 'static,
) -> JoinHandle<T> {
    let request = Arc::clone(request);
    thread::spawn(move || run(&request))
}

pub fn a_flush_is_over_when_the_last_one_has_answered() {
    check(4, || {
        let request = Arc::new(FlushRequest::default());
        let worker = beside(&request, |request| {
            request.expect(2);
            let sink = beside(request, |request| request.done(Some(&"sink".to_owned()), false));
            request.done(None, true);
            sink.join().expect("no panic");
        });
        let flushed = request.wait(None).expect("there is time");
        assert_eq!(flushed.failed, ["sink"]);
        assert!(flushed.waiting);
        worker.join().expect("no panic");
    });
}

pub fn a_flush_that_nobody_will_answer_is_over() {
    check(4, || {
        let request = Arc::new(FlushRequest::default());
        let discarding = beside(&request, |request| request.expect(0));
        assert!(request.wait(None).is_some());
        discarding.join().expect("no panic");
    });
}

pub fn a_flush_that_is_broken_off_is_over_for_all_who_wait_for_it() {
    check(4, || {
        let request = Arc::new(FlushRequest::default());
        let worker = beside(&request, |request| {
            request.expect(2);
            request.done(None, false);
            request.break_off();
        });
        let other =
            beside(&request, |request| request.wait(None).expect("there is time").broken_off);
        assert!(request.wait(None).expect("there is time").broken_off);
        assert!(other.join().expect("no panic"));
        worker.join().expect("no panic");
    });
}

pub fn a_flush_whose_time_is_over_is_told_so() {
    check(4, || {
        let request = Arc::new(FlushRequest::default());
        let worker = beside(&request, |request| {
            request.expect(1);
            request.done(None, false);
        });
        let early = request.wait(Some(Instant::now()));
        worker.join().expect("no panic");
        // Whoever gave up takes no answer away.
        let late = request.wait(Some(Instant::now()));
        assert!(late.is_some());
        assert!(early.is_none_or(|flushed| flushed.failed.is_empty()));
    });
}
