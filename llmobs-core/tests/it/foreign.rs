//! Whatever backends, clocks and ids of others do, the application goes on.

use llmobs_core::testing::{CountingIds, Recording};
use llmobs_core::{
    Clock, Ids, LocalBackend, LossCause, OpenSpan, Record, RequestId, ScopeExt, SpanId, SpanStart,
    Step, StepKind, Timestamp, TraceBackend, TraceId, scope,
};
use tracing_subscriber::layer::SubscriberExt;

/// What a [`Foreign`] thing does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    StartPanics,
    AttachPanicsBefore,
    AttachPanicsAfter,
    AttachRunsNothing,
    AttachRunsTwice,
    FinishPanics,
    IdsPanic,
    ClockPanics,
}

#[derive(Clone, Copy, Debug)]
struct Foreign(Wrong);

impl Foreign {
    fn does(self, wrong: Wrong) {
        assert_ne!(self.0, wrong, "as the test says");
    }
}

impl TraceBackend for Foreign {
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
        self.does(Wrong::StartPanics);
        LocalBackend::span(start)
    }

    fn attach(&self, _: &OpenSpan, run: &mut dyn FnMut()) {
        self.does(Wrong::AttachPanicsBefore);
        if self.0 != Wrong::AttachRunsNothing {
            run();
        }
        if self.0 == Wrong::AttachRunsTwice {
            run();
        }
        self.does(Wrong::AttachPanicsAfter);
    }

    fn finish(&self, _: OpenSpan, _: Option<&Record>) {
        self.does(Wrong::FinishPanics);
    }

    fn mode(&self) -> Option<&'static str> {
        None
    }
}

#[derive(Debug)]
struct ForeignIds(Foreign, CountingIds);

impl Ids for ForeignIds {
    fn trace_id(&self) -> TraceId {
        self.1.trace_id()
    }

    fn span_id(&self) -> SpanId {
        self.0.does(Wrong::IdsPanic);
        self.1.span_id()
    }

    fn request_id(&self, now: Timestamp) -> RequestId {
        self.0.does(Wrong::IdsPanic);
        self.1.request_id(now)
    }
}

impl Clock for Foreign {
    fn elapsed(&self) -> u64 {
        self.does(Wrong::ClockPanics);
        0
    }

    fn now(&self) -> Timestamp {
        self.does(Wrong::ClockPanics);
        Timestamp::default()
    }
}

fn recording(wrong: Wrong) -> Recording {
    let foreign = Foreign(wrong);
    let ids = ForeignIds(foreign, CountingIds::default());
    Recording::with(|builder| builder.backend(foreign).ids(ids).clock(foreign))
}

#[tokio::test]
async fn the_application_runs_once_and_every_operation_is_accounted_for() {
    use Wrong::*;
    for wrong in [
        StartPanics,
        AttachPanicsBefore,
        AttachPanicsAfter,
        AttachRunsNothing,
        AttachRunsTwice,
        FinishPanics,
        IdsPanic,
        ClockPanics,
    ] {
        let recording = recording(wrong);
        let mut runs = 0;
        let step = recording.recorder().step(StepKind::Tool, "outer");
        step.run_sync(|| runs += 1);
        assert_eq!(runs, 1, "{wrong:?}");
        let inside = async {
            tokio::task::yield_now().await;
            runs += 1;
            scope().session_id().map(str::to_owned)
        };
        let session = step.run(inside.in_scope(recording.scope().session("s"))).await;
        assert_eq!((runs, session.as_deref()), (2, Some("s")), "{wrong:?}");
        step.end();
        recording.recorder().record(Record::default());

        recording.records();
        let losses = recording.recorder().losses();
        let lost = losses.lost.get(&LossCause::Panicked).copied().unwrap_or(0);
        assert_eq!((losses.accepted, losses.open), (2, 0), "{wrong:?}");
        assert_eq!(lost, u64::from(matches!(wrong, StartPanics | IdsPanic)), "{wrong:?}");
    }
}

#[test]
fn a_panic_of_the_applications_own_goes_through() {
    let recording = recording(Wrong::AttachPanicsAfter);
    let step = recording.recorder().step(StepKind::Tool, "panics");
    let own = || step.run_sync(|| std::panic::panic_any("its own"));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(own));
    assert_eq!(panic.expect_err("it panics").downcast_ref(), Some(&"its own"));
}

#[test]
fn a_span_left_inside_a_scope_does_not_keep_the_scope_open() {
    let subscriber = tracing_subscriber::registry().with(llmobs_core::layer());
    tracing::subscriber::with_default(subscriber, || {
        let recording = Recording::new();
        let entered = tracing::info_span!("around").entered();
        recording.scope().session("s").run_sync(|| drop(entered));
        assert_eq!(scope().session_id(), None);
        assert!(!Step::start(StepKind::Tool, "outside").is_recording());
    });
}
