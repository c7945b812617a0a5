//! What somebody waits for, on its way to the worker and from there to those who answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::{FlushRequest, Message, Worker};
use crate::contain::{contained, say};
use crate::processor::Flushing;
use crate::queue::{Queue, Urgency, lock};

/// A wait that was asked for. Whoever waits is told if it gets lost on its way.
#[derive(Debug)]
pub(crate) struct Ask {
    request: Arc<FlushRequest>,
    arrived: bool,
}

impl Ask {
    fn new(request: &Arc<FlushRequest>) -> Self {
        Self { request: Arc::clone(request), arrived: false }
    }

    /// All who answer know of it.
    fn arrived(mut self) {
        self.arrived = true;
    }

    /// The worker itself answers, as long as somebody waits for it.
    pub(super) fn noted(mut self) -> Weak<FlushRequest> {
        self.arrived = true;
        Arc::downgrade(&self.request)
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        if !self.arrived {
            self.request.break_off();
        }
    }
}

/// The last wait of its kind that the worker was asked for. As long as it has not been taken from the
/// queue it stands for all that come after it: a worker that hangs is asked once, however often.
#[derive(Debug, Default)]
pub(crate) struct LastAsk(Mutex<(u64, Weak<FlushRequest>)>);

impl LastAsk {
    /// Asks the worker, or joins who has; `None` when it takes nothing any more.
    pub(crate) fn ask(
        &self,
        queue: &Queue<Message>,
        message: fn(Ask) -> Message,
    ) -> Option<Arc<FlushRequest>> {
        let mut last = lock(&self.0);
        // What it is taken with is all that was there before, also what came after it.
        let rounds = queue.rounds();
        let waiting = last.1.upgrade().filter(|_| last.0 == rounds);
        if waiting.is_some() {
            return waiting;
        }
        let request = Arc::new(FlushRequest::default());
        *last = (rounds, Arc::downgrade(&request));
        queue.push(message(Ask::new(&request)), Urgency::Now).ok()?;
        Some(request)
    }
}

impl Worker {
    pub(super) fn flush(&mut self, ask: Ask) {
        let deliveries = self.recorder.shared().deliveries.get().map_or(0, Vec::len);
        ask.request.expect(deliveries + self.processors.len());
        self.flush_processors(&ask.request);
        for delivery in self.recorder.shared().deliveries.get().into_iter().flatten() {
            delivery.flush(Arc::clone(&ask.request));
        }
        ask.arrived();
    }

    pub(super) fn flush_processors(&mut self, request: &Arc<FlushRequest>) {
        for processor in &mut self.processors {
            let name = contained(|| processor.name().to_owned());
            let name = name.unwrap_or_else(|| "rule".to_owned());
            let flushing = Flushing::new(request, name);
            let _ = contained(|| processor.flush_with(flushing));
        }
    }

    /// Ends what a mistake of ours leaves: at least nobody waits for what will not come.
    pub(super) fn break_off(&mut self) {
        self.recorder.shared().threads.break_off();
        let mut items = VecDeque::new();
        self.recorder.queue().close();
        self.recorder.queue().take(&mut items, Duration::ZERO, Duration::ZERO);
        items.into_iter().for_each(|message| message.discard(&self.recorder));
        self.end_waits();
        for delivery in self.recorder.shared().deliveries.get().into_iter().flatten() {
            delivery.close();
        }
        say(|| {
            tracing::error!(
                target: "llmobs",
                "the recorder has broken off after a mistake of its own; nothing is recorded any more"
            );
        });
    }
}
