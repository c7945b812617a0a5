//! What becomes of those who wait when a round of the recorder's comes to no end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_lite::future::block_on;
use llmobs_core::{Call, FlushError, Llmobs, Record, Tap, Verdict};

use super::{LONG, builder, call, step};

/// Memory that panics as it is given back, where nobody expects anything to.
struct Rigged(Vec<u8>);

impl AsRef<[u8]> for Rigged {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Rigged {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("as the test says"));
    }
}

/// A recorder whose thread waits inside a rule until it is let go.
fn held() -> (Llmobs, Receiver<()>, Sender<()>) {
    let ((began, begun), (go, gone)) = (channel(), channel::<()>());
    let rule = move |_: &mut Record| {
        let _ = began.send(());
        let _ = gone.recv();
        Verdict::Keep
    };
    let llmobs = builder().processor(rule).start().expect("it starts");
    step(&llmobs, "held");
    begun.recv_timeout(LONG).expect("it is there");
    (llmobs, begun, go)
}

/// The mistake, on its way to the recorder's thread.
fn mistake(llmobs: &Llmobs) -> (Call, Tap) {
    let call = call(llmobs);
    let mut tap = call.handle().attempt().headers(200, std::iter::empty());
    tap.data(&Bytes::from_owner(Rigged(vec![b'x'; 10_000])));
    (call, tap)
}

type Waits = Pin<Box<dyn Future<Output = Result<(), FlushError>> + Send>>;

/// Somebody who has asked, and waits for as long as it takes.
fn asked(wait: impl Future<Output = Result<(), FlushError>> + Send + 'static) -> Waits {
    let mut wait: Waits = Box::pin(wait);
    let asked = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(asked.is_pending(), "it is under way");
    wait
}

/// What somebody is told who would wait for good.
#[track_caller]
fn told(wait: Waits) -> FlushError {
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(block_on(wait)));
    let told = told.recv_timeout(LONG);
    told.expect("whoever waits is told").expect_err("not all is well")
}

#[test]
fn whoever_waits_for_a_round_that_breaks_off_is_told_so() {
    for before in [true, false] {
        let (llmobs, _begun, go) = held();
        let early = before.then(|| mistake(&llmobs));
        let waits = [
            asked(llmobs.flush_async(Duration::MAX)),
            asked(llmobs.flush_async(Duration::MAX)),
            asked(llmobs.idle_async(Duration::MAX)),
        ];
        let late = (!before).then(|| mistake(&llmobs));
        drop(go);
        for wait in waits {
            let err = told(wait);
            assert!(err.is_broken_off() && !err.is_late(), "{err}");
            let expected = "the recorder has broken off after a mistake of its own";
            assert!(err.to_string().starts_with(expected), "{err}");
        }
        drop((early, late));
        // Nothing comes of what is asked for from now on, and nobody waits for it.
        assert!(told(Box::pin(llmobs.flush_async(Duration::MAX))).is_broken_off());
        assert!(llmobs.idle(Duration::MAX).expect_err("it is over").is_broken_off());
        assert!(llmobs.shutdown(LONG).expect_err("it is over").is_broken_off());
        assert!(llmobs.shutdown(LONG).expect_err("it is over").is_broken_off());
    }
}

#[test]
fn all_who_ask_while_the_recorder_hangs_are_answered_alike() {
    let (llmobs, _begun, go) = held();
    let first = asked(llmobs.flush_async(Duration::MAX));
    let gone = asked(llmobs.flush_async(Duration::MAX));
    step(&llmobs, "after the first");
    let last = asked(llmobs.flush_async(Duration::MAX));
    llmobs.flush(Duration::ZERO).expect_err("it hangs");
    drop(gone);
    drop(go);
    for wait in [first, last] {
        block_on(wait).expect("all is taken");
    }
    assert_eq!(llmobs.losses().recorded, 2);
}

#[test]
fn what_comes_after_the_recorder_has_begun_a_round_waits_for_the_next() {
    let (llmobs, begun, go) = held();
    step(&llmobs, "second");
    let first = asked(llmobs.flush_async(Duration::MAX));
    go.send(()).expect("it waits");
    // The round with that flush has begun, and hangs in turn.
    begun.recv_timeout(LONG).expect("it is there");
    step(&llmobs, "third");
    let mut second = asked(llmobs.flush_async(Duration::MAX));
    go.send(()).expect("it waits");
    block_on(first).expect("all of its is taken");
    begun.recv_timeout(LONG).expect("it is there");
    let mut second = pin!(&mut second);
    let not_yet = block_on(poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())));
    assert!(not_yet, "its own is under way");
    drop(go);
    block_on(second).expect("all is taken");
    assert_eq!(llmobs.losses().recorded, 3);
}
