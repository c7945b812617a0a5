//! Ways out for what is made beside records, such as exports of metrics.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::delivery::{Delivery, Settings, Sized, size};
use crate::loss::SinkLosses;
use crate::processor::Flushing;
use crate::queue::lock;
use crate::record::Record;
use crate::recorder::Recorder;
use crate::sink::Sink;
use crate::spool::{Owner, Spool};
use crate::worker::FlushRequest;

/// A sink of an exporter's own, with all that the recorder's have: a thread, a bounded queue, retries,
/// the spool, and an account, which is among [`Losses::metrics`](crate::Losses::metrics).
///
/// What it is given are records in form alone: they go to no other sink, and nothing looks at them.
#[derive(Debug)]
pub struct Outlet {
    delivery: Arc<Delivery>,
    pushed: AtomicU64,
}

/// Those of a recorder, and how they are started.
#[derive(Debug, Default)]
pub(crate) struct Outlets {
    how: Option<How>,
    started: Mutex<Vec<Arc<Outlet>>>,
}

#[derive(Debug)]
pub(crate) struct How {
    pub(crate) settings: Settings,
    /// The spool's directory, and the bytes it may take for each.
    pub(crate) spool: Option<(PathBuf, u64)>,
}

impl Outlets {
    pub(crate) fn new(how: How) -> Self {
        Self { how: Some(how), started: Mutex::default() }
    }

    pub(crate) fn accounts(&self) -> Vec<SinkLosses> {
        lock(&self.started).iter().map(|outlet| outlet.account()).collect()
    }

    pub(crate) fn deliveries(&self) -> Vec<Arc<Delivery>> {
        lock(&self.started).iter().map(|outlet| Arc::clone(&outlet.delivery)).collect()
    }

    fn start(&self, sink: Box<dyn Sink>, recorder: &Recorder) -> io::Result<Arc<Outlet>> {
        let how = self.how.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let name = sink.name().to_owned();
        let same = lock(&self.started).iter().filter(|it| it.delivery.name() == name).count();
        let owner = Owner::Outlet(&name, same as u32 + 1);
        let spool = how.spool.as_ref();
        let spool = spool.map(|(directory, bytes)| Spool::new(directory, owner, *bytes));
        let threads = &recorder.shared().threads;
        let of = recorder.clone();
        let delivery = Delivery::start(sink, name, how.settings.clone(), spool, of, threads)?;
        let outlet = Arc::new(Outlet { delivery, pushed: AtomicU64::new(0) });
        lock(&self.started).push(Arc::clone(&outlet));
        Ok(outlet)
    }
}

impl Recorder {
    /// Starts a way out that is no sink of the recorder's, but has its settings.
    ///
    /// # Errors
    ///
    /// When the system gives no thread for it, or the recorder has none itself.
    #[doc(hidden)]
    pub fn outlet(&self, sink: impl Sink) -> io::Result<Arc<Outlet>> {
        self.shared().outlets.start(Box::new(sink), self)
    }
}

impl Outlet {
    /// Hands over what is to go out; what finds no room is counted.
    pub fn push(&self, record: Record) {
        self.pushed.fetch_add(1, Ordering::Release);
        let (size, forbidden) = (size(&record), self.delivery.times_forbidden());
        self.delivery.push(&[Sized { record: Arc::new(record), size, forbidden }]);
    }

    /// Whether what cannot be delivered is kept on disk.
    pub fn spools(&self) -> bool {
        self.delivery.spools()
    }

    /// What became of all that was pushed, and of what earlier processes have left.
    pub fn account(&self) -> SinkLosses {
        // In this order: what has been settled was pushed before.
        let account = self.delivery.account();
        let pushed = self.pushed.load(Ordering::Acquire);
        let settled = account.delivered + account.lost.values().sum::<u64>();
        let waiting = (pushed + account.recovered).saturating_sub(settled);
        SinkLosses { waiting, spooled: account.spooled.min(waiting), ..account }
    }

    /// Waits until each of these has delivered what was pushed before, or has said that it cannot now,
    /// and ends the flushes by that. None of them waits for another.
    pub fn flush(outlets: &[Arc<Self>], flushes: Vec<Flushing>) {
        let request = Arc::new(FlushRequest::default());
        request.expect(outlets.len());
        outlets.iter().for_each(|outlet| outlet.delivery.flush(Arc::clone(&request)));
        let flushed = request.wait_long();
        flushes.into_iter().for_each(|flushing| flushing.ends_as(&flushed));
    }

    /// Announces their end, which a shutdown of the recorder waits for: what is not delivered by now stays
    /// on disk for the next process, or is counted as lost where there is no disk.
    pub fn end(outlets: &[Arc<Self>]) {
        for Self { delivery, .. } in outlets.iter().map(AsRef::as_ref) {
            if delivery.spools() { delivery.close() } else { delivery.abandon() }
        }
    }
}
