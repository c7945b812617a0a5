//! The kit for trace backends.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::id::{Ids, RandomIds};
use crate::record::Sampling;
use crate::sampling::TraceVerdict;
use crate::span::{Innermost, OpenSpan, SpanKind, SpanStart, TraceBackend};
use crate::testing::{FakeClock, kit::odd_records, samples};
use crate::time::Clock;

/// Checks a trace backend, on a thread where no span is open.
///
/// Spans must have ids of their own and a child its parent's trace; `attach` must run its argument
/// once, on this thread, and give the thread back as it was, also when the argument panics; `finish`
/// must take any record, on any thread, and `decided` any trace.
///
/// # Panics
///
/// When the backend does not.
#[track_caller]
pub fn check_backend(backend: impl TraceBackend) {
    let backend: &dyn TraceBackend = &backend;
    let _ = backend.mode();
    let outside = start(backend, None).parent_span_id;
    let root = start(backend, None);
    let child = start(backend, Some(&root));
    assert_child(&child, &root, "a span started below a scope's span");

    let mut seen = HashSet::new();
    for _ in 0..1_000 {
        assert!(seen.insert(start(backend, Some(&root)).identity.span_id), "span ids repeat");
    }

    let mut runs = 0;
    let mut nested = None;
    let caller = std::thread::current().id();
    let mut thread = None;
    backend.attach(&root, &mut || {
        runs += 1;
        thread = Some(std::thread::current().id());
        backend.attach(&child, &mut || nested = Some(start(backend, Some(&child))));
        let beside = start(backend, Some(&root));
        nested = nested.take().filter(|_| beside.parent_span_id == Some(root.identity.span_id));
    });
    assert_eq!(runs, 1, "attach runs its argument once");
    assert_eq!(thread, Some(caller), "attach runs its argument on the caller's thread");
    let Some(nested) = nested else {
        return assert!(nested.is_some(), "an inner attach did not give back the outer span");
    };
    assert_child(&nested, &child, "a span started inside two attached spans");
    assert_back(backend, outside, "after attach");

    let below = |parent| with_start(None, |start| backend.start_below(start, parent));
    assert_child(&below(Some(&root)), &root, "a span started below a parent taken before");
    let mut elsewhere = None;
    backend.attach(&child, &mut || elsewhere = Some(below(Some(&root))));
    let elsewhere = elsewhere.unwrap_or_else(|| below(Some(&root)));
    assert_child(&elsewhere, &root, "a span started below a parent taken before, inside another");
    assert_eq!(below(None).parent_span_id, None, "a span started below nobody has a parent");

    let panicking = || backend.attach(&root, &mut || resume_unwind(Box::new("a test's panic")));
    let caught = catch_unwind(AssertUnwindSafe(panicking));
    assert!(caught.is_err(), "attach swallowed a panic of the application's");
    assert_back(backend, outside, "after a panic inside attach");

    // Each poll of a future attaches anew, and futures take turns.
    for span in [&root, &child, &root, &child] {
        let mut inside = None;
        backend.attach(span, &mut || inside = Some(start(backend, Some(span))));
        let inside = inside.unwrap_or_else(|| start(backend, None));
        assert_child(&inside, span, "a span started in one of several futures that take turns");
        assert_back(backend, outside, "after one of several futures that take turns");
    }
    let elsewhere = finishes(backend, &root);
    assert!(elsewhere, "finish, attach or decided panicked on another thread");
    assert_back(backend, outside, "after finish");
}

/// Ends spans in every way, on another thread; `false` when that panicked.
fn finishes(backend: &dyn TraceBackend, root: &OpenSpan) -> bool {
    let run = || {
        for record in samples::all().iter().chain(&odd_records()) {
            backend.finish(start(backend, Some(root)), Some(record));
        }
        backend.finish(start(backend, Some(root)), None);
        // A span may end while it is open somewhere else.
        backend.attach(root, &mut || backend.finish(root.clone(), Some(&samples::step())));
        backend.attach(root, &mut || {});
        // Of traces it has seen and not seen, in any order, and more than once.
        let unseen = RandomIds.trace_id();
        for trace in [root.identity.trace_id, unseen, root.identity.trace_id] {
            backend.decided(trace, &TraceVerdict::Unknown);
            backend.decided(trace, &TraceVerdict::Kept(Sampling { rate: 0.5, rule: None }));
            backend.decided(trace, &TraceVerdict::LeftOut);
            backend.tick();
        }
        backend.nothing_decided();
        backend.finish(start(backend, Some(root)), None);
    };
    std::thread::scope(|scope| scope.spawn(run).join().is_ok())
}

fn start(backend: &dyn TraceBackend, scope: Option<&OpenSpan>) -> OpenSpan {
    with_start(scope, |start| backend.start(start))
}

fn with_start(scope: Option<&OpenSpan>, run: impl FnOnce(&SpanStart<'_>) -> OpenSpan) -> OpenSpan {
    let operation = crate::semconv::operation::CHAT;
    run(&SpanStart {
        name: &operation.into(),
        kind: SpanKind::Client,
        at: FakeClock::default().now(),
        operation: Some(operation),
        provider: Some("example"),
        server: Some(("llm.example", Some(443))),
        innermost: Innermost { scope, ..Innermost::default() },
        ids: &RandomIds,
    })
}

#[track_caller]
fn assert_child(child: &OpenSpan, parent: &OpenSpan, what: &str) {
    let (is, of) = (child.identity, parent.identity);
    assert_eq!(is.trace_id, of.trace_id, "{what} is in another trace");
    assert_eq!(child.parent_span_id, Some(of.span_id), "{what} has another parent");
    assert_ne!(is.span_id, of.span_id, "{what} has its parent's id");
}

#[track_caller]
fn assert_back(backend: &dyn TraceBackend, outside: Option<crate::id::SpanId>, when: &str) {
    let now = start(backend, None).parent_span_id;
    assert_eq!(now, outside, "{when}, the thread is not as it was before");
}
