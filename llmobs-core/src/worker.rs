//! The one thread that understands what the hot path remembered.

mod answer;
mod ask;
mod asked;
mod attempts;
mod class;
mod flush;
mod fold;
#[cfg(feature = "layer")]
mod foreign;
mod idle;
mod message;
mod outcome;
mod reader;
mod report;
mod room;
mod steps;
mod sweep;
mod waiting;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use self::ask::Ask;
pub(crate) use self::ask::LastAsk;
pub(crate) use self::flush::{FlushRequest, Flushed};
use self::fold::CallFold;
pub(crate) use self::message::Message;
pub(crate) use self::report::Reports;
use self::steps::close_groups;
use self::sweep::PAUSE;
pub(crate) use self::waiting::Waiting;
use crate::contain::{contained, discard, untraced};
use crate::delivery::{Sized, size};
use crate::group::chain;
use crate::id::TraceId;
use crate::loss::LossCause;
use crate::pricing::PriceTable;
use crate::processor::{Processor, Verdict};
use crate::record::{Kind, Record};
use crate::recorder::Recorder;
use crate::redact::withhold;
use crate::sampling::{Bound, Decided, TailSampling, TraceVerdict, Traces};
use crate::scope::Attributes;
use crate::span::OpenSpan;
use crate::step::OpenStep;

/// Longest sleep without anything to do; only periodic reports need it to be finite.
const IDLE: Duration = Duration::from_secs(5);
/// Time after work for more to come, so that a busy service wakes the worker at most this often.
const LINGER: Duration = Duration::from_millis(100);

pub(crate) struct Worker {
    recorder: Recorder,
    prices: PriceTable,
    processors: Vec<Box<dyn Processor>>,
    /// Calls that have not ended, by number.
    open: HashMap<u64, Box<CallFold>>,
    /// When the taps of open calls are looked at next.
    next_sweep: u64,
    /// Steps that have ended, and wait for calls below them to end, by their group.
    held: HashMap<u64, Box<OpenStep>>,
    /// Traces that wait to be sampled.
    traces: Option<Traces>,
    /// Who waits until nothing is open.
    idles: Vec<Weak<FlushRequest>>,
    /// Records of this round, not yet handed to the sinks.
    ready: Vec<Arc<Record>>,
    reports: Reports,
    /// How often content had been forbidden when this round began.
    forbidden: u64,
}

impl Worker {
    pub(crate) fn new(
        recorder: Recorder,
        prices: PriceTable,
        processors: Vec<Box<dyn Processor>>,
    ) -> Self {
        Self {
            recorder,
            prices,
            processors,
            open: HashMap::new(),
            next_sweep: 0,
            held: HashMap::new(),
            traces: None,
            idles: Vec::new(),
            ready: Vec::new(),
            reports: Reports::default(),
            forbidden: 0,
        }
    }

    /// Keeps what tells something, where the sampling has rules for that.
    pub(crate) fn sampled(mut self, sampling: Option<TailSampling>) -> Self {
        self.traces = sampling.map(Traces::new);
        self
    }

    /// Reports losses in this way.
    pub(crate) fn reporting(self, reports: Reports) -> Self {
        Self { reports, ..self }
    }

    /// Handles all that waits, on this thread, and gives the records that came of it away.
    pub(crate) fn work_off(&mut self) -> Vec<Arc<Record>> {
        let mut items = VecDeque::new();
        self.recorder.queue().take(&mut items, Duration::ZERO, Duration::ZERO);
        for message in items {
            self.handle(message, &mut Vec::new());
        }
        std::mem::take(&mut self.ready)
    }

    pub(crate) fn run(mut self) {
        if contained(|| self.work()).is_none() {
            self.break_off();
        }
        // One by one: two that panic as they are dropped would end the process.
        untraced(|| self.processors.drain(..).for_each(discard));
    }

    fn work(&mut self) {
        let recorder = self.recorder.clone();
        untraced(|| {
            for processor in &mut self.processors {
                let _ = contained(|| processor.started(&recorder));
            }
        });
        drop(recorder);
        let mut items = VecDeque::with_capacity(256);
        let mut linger = Duration::ZERO;
        loop {
            let recorder = self.recorder.clone();
            // Asked before, since what is pushed after an idle wait may be the last before the end.
            let closed = recorder.queue().is_closed();
            if !closed {
                self.sweep();
            }
            // Before the first of them is made, so that none is taken for younger than it is.
            let forbidden = recorder.times_forbidden();
            if forbidden != self.forbidden {
                // A queue that is closed has not told of it.
                self.forget();
            }
            self.forbidden = forbidden;
            recorder.queue().take(&mut items, linger, self.patience());
            let worked = !items.is_empty();
            // Not around the wait: while any thread is silenced, all others have more to look at.
            let hurried = untraced(|| self.round(&mut items));
            if closed && !worked {
                break;
            }
            let lingers = worked && !hurried && self.idles.is_empty();
            linger = match (lingers, self.sweeps()) {
                (false, _) => Duration::ZERO,
                (true, true) => PAUSE,
                (true, false) => LINGER,
            };
        }
        untraced(|| self.end());
    }

    /// Handles what has come; tells whether somebody waits for it.
    fn round(&mut self, items: &mut VecDeque<Message>) -> bool {
        let mut flushes = Vec::new();
        for message in items.drain(..) {
            self.handle(message, &mut flushes);
        }
        let asked = !flushes.is_empty();
        self.sample(
            |traces, now, out| {
                if asked { traces.decide_all(out) } else { traces.tick(now, out) }
            },
        );
        if self.traces.is_some() {
            let _ = contained(|| self.recorder.backend().tick());
        }
        self.hand_over();
        for ask in flushes {
            self.flush(ask);
        }
        self.tell_idle();
        self.report(false);
        self.look();
        asked
    }

    fn end(&mut self) {
        self.end_open_calls();
        self.sample(|traces, _, out| traces.decide_all(out));
        if self.traces.is_some() {
            let over = || self.recorder.backend().nothing_decided();
            let _ = contained(over);
        }
        self.hand_over();
        self.report(true);
        self.end_waits();
        // Sinks end while processors report: a slow one of these holds up none of those.
        for delivery in self.recorder.deliveries() {
            delivery.close();
        }
        let request = Arc::new(FlushRequest::default());
        request.expect(self.processors.len());
        self.flush_processors(&request);
        // Whoever shuts down waits for this thread, for as long as they like.
        let failed = request.wait_long().failed;
        let _ = self.recorder.shared().unflushed.set(failed);
    }

    fn handle(&mut self, message: Message, flushes: &mut Vec<Ask>) {
        match message {
            Message::CallOpened(call) => {
                let number = call.number;
                if let Some(traces) = &mut self.traces {
                    traces.opened(call.span.identity.trace_id);
                }
                chain(call.group()).for_each(|group| group.opened());
                self.recorder.shared().open_calls.opened(&call);
                self.open.insert(number, Box::new(CallFold::new(call)));
            }
            Message::Piece { call, attempt, buffer } => {
                if let Some(fold) = self.open.get_mut(&call.number) {
                    fold.piece(attempt, &buffer);
                }
                self.give_back(buffer);
            }
            Message::Large { call, attempt, at, bytes } => {
                if let Some(fold) = self.open.get_mut(&call.number) {
                    fold.data(attempt, at, &bytes);
                }
                self.recorder.queue().release_bytes(bytes.len());
            }
            Message::CallEnded(call) => {
                if let Some(fold) = self.open.remove(&call.number) {
                    self.finish_call(fold);
                }
            }
            Message::StepEnded(step) => self.end_step(step),
            #[cfg(feature = "layer")]
            Message::SpanEnded(end) => self.end_span(*end),
            Message::Record(mut record) => {
                self.prices.settle(Arc::make_mut(&mut record));
                self.accept(record, None);
            }
            Message::TraceEnded(trace) => {
                self.sample(|traces, now, out| traces.ended(trace, now, out));
            }
            Message::Forget => self.forget(),
            Message::Flush(ask) => flushes.push(ask),
            Message::Idle(ask) => self.idles.push(ask.noted()),
        }
    }

    /// Drops what is held of content.
    fn forget(&mut self) {
        self.open.values_mut().for_each(|fold| fold.forget());
        self.held.values_mut().for_each(|step| step.forget_content());
        if let Some(traces) = &mut self.traces {
            traces.forget_content();
        }
        self.ready.iter_mut().for_each(|record| withhold(Arc::make_mut(record)));
    }

    fn finish_call(&mut self, fold: Box<CallFold>) {
        let (span, call) = (fold.span(), fold.call());
        let trace = span.identity.trace_id;
        self.recorder.shared().open_calls.ended(&call);
        match fold.finish() {
            Some(mut record) => {
                self.prices.settle(&mut record);
                let idle = close_groups(call.group(), call.fallback_attempt, Some(&record));
                self.accept(Arc::new(record), Some(span));
                self.let_go(idle);
            }
            None => {
                self.recorder.shared().counts.lost.add(LossCause::Panicked, 1);
                self.recorder.queue().release();
                let _ = contained(|| self.recorder.backend().finish(span, None));
                let idle = close_groups(call.group(), call.fallback_attempt, None);
                self.let_go(idle);
            }
        }
        self.sample(|traces, now, out| traces.closed(trace, now, out));
    }

    /// Lets the sampler decide.
    fn sample(&mut self, decide: impl FnOnce(&mut Traces, u64, &mut Out<'_>)) {
        let Self { recorder, traces, ready, .. } = self;
        if let Some(traces) = traces {
            decide(traces, recorder.elapsed(), &mut Out { recorder, ready });
        }
    }

    /// Sends a record through the processors, to its span, and towards the sinks.
    fn accept(&mut self, mut accepted: Arc<Record>, span: Option<OpenSpan>) {
        let shared = self.recorder.shared();
        // Nobody else has it yet, so that nothing is copied.
        let record = Arc::make_mut(&mut accepted);
        if let Some(key) = &shared.user_id_key {
            record.user_id = record.user_id.take().map(|id| key.hash(&id));
        }
        record.timestamp = record.timestamp.filter(|at| at.is_plausible());
        record.service = record.service.take().or_else(|| shared.service.clone());
        record.environment = record.environment.take().or_else(|| shared.environment.clone());
        if shared.capture.is_forbidden() {
            withhold(record);
        }
        if !shared.redact.record(record) {
            shared.counts.withheld.fetch_add(1, Ordering::Relaxed);
        }
        let processors = &mut self.processors;
        let verdict = contained(|| {
            let keeps = |p: &mut Box<dyn Processor>| p.process(record) == Verdict::Keep;
            processors.iter_mut().all(keeps)
        });
        let counts = &shared.counts;
        let kept = match verdict {
            Some(true) => Some(&*record),
            Some(false) => {
                counts.refused_by_rule.fetch_add(1, Ordering::Release);
                None
            }
            None => {
                counts.lost.add(LossCause::Panicked, 1);
                None
            }
        };
        if let Some(span) = span {
            let _ = contained(|| self.recorder.backend().finish(span, kept));
        }
        if kept.is_some() {
            let Self { recorder, traces, ready, .. } = self;
            let mut out = Out { recorder, ready };
            match traces {
                Some(traces) => {
                    traces.offer(Arc::unwrap_or_clone(accepted), recorder.elapsed(), &mut out)
                }
                None => out.arrived(accepted),
            }
        }
        self.recorder.queue().release();
    }

    fn hand_over(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        let forbidden = self.forbidden;
        let sized = |record: Arc<Record>| Sized { size: size(&record), record, forbidden };
        let ready: Vec<_> = self.ready.drain(..).map(sized).collect();
        for delivery in self.recorder.deliveries() {
            delivery.push(&ready);
        }
    }

    fn end_open_calls(&mut self) {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|(number, _)| *number);
        for (_, mut fold) in open {
            // Its tap would send this with the next read, which is too late.
            if let Some((attempt, buffer)) = fold.take_held() {
                fold.piece(attempt, &buffer);
                self.give_back(buffer);
            }
            self.finish_call(fold);
        }
        // A span of another crate's that never closed may be what a step still waits for.
        self.let_go_all();
    }

    fn give_back(&self, buffer: Vec<u8>) {
        self.recorder.queue().release_bytes(crate::queue::BUFFER);
        self.recorder.pool().put(buffer);
    }
}

/// Where records go on their way to the sinks.
struct Out<'w> {
    recorder: &'w Recorder,
    ready: &'w mut Vec<Arc<Record>>,
}

impl Out<'_> {
    fn arrived(&mut self, record: Arc<Record>) {
        self.recorder.shared().counts.recorded.fetch_add(1, Ordering::Release);
        self.ready.push(record);
    }
}

impl Decided for Out<'_> {
    fn keep(&mut self, record: Record) {
        self.arrived(Arc::new(record));
    }

    fn refuse(&mut self) {
        let counts = &self.recorder.shared().counts;
        counts.refused_by_rule.fetch_add(1, Ordering::Release);
        counts.sampled_out.fetch_add(1, Ordering::Release);
    }

    fn decided(&mut self, trace: TraceId, verdict: &TraceVerdict) {
        let decided = || self.recorder.backend().decided(trace, verdict);
        let _ = contained(decided);
    }

    fn early(&mut self, bound: Bound) {
        let [records, bytes, age] = &self.recorder.shared().counts.decided_early;
        let count = match bound {
            Bound::Records => records,
            Bound::Bytes => bytes,
            Bound::Age => age,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes what surrounds an operation into its record.
fn describe(record: &mut Record, attributes: Option<&Attributes>, span: &OpenSpan) {
    record.trace_id = Some(span.identity.trace_id);
    record.span_id = Some(span.identity.span_id);
    record.parent_span_id = span.parent_span_id;
    record.unsampled = !span.identity.sampled;
    if let Some(attributes) = attributes {
        record.session_id.clone_from(&attributes.session_id);
        record.user_id.clone_from(&attributes.user_id);
        record.tags.clone_from(attributes.tags.list());
        if attributes.tags.cut() > 0 {
            record.cut.get_or_insert_default().tags = Some(attributes.tags.cut());
        }
        record.prompt.clone_from(&attributes.prompt);
    }
}

/// The `meta` record of a recorder.
pub(crate) fn meta(recorder: &Recorder) -> Record {
    let shared = recorder.shared();
    Record {
        kind: Kind::Meta,
        timestamp: Some(recorder.now()).filter(|at| at.is_plausible()),
        service: shared.service.clone(),
        environment: shared.environment.clone(),
        meta: Some(Box::new(crate::record::Meta {
            schema: crate::record::SCHEMA.to_owned(),
            sdk: Some(concat!("llmobs ", env!("CARGO_PKG_VERSION")).to_owned()),
            mode: contained(|| shared.backend.mode()).flatten().map(str::to_owned),
            process_id: Some(std::process::id()),
            losses: None,
        })),
        ..Record::default()
    }
}
