//! The way from the worker to one sink.

use std::sync::{Arc, Mutex, PoisonError};

use llmobs_core::Record;

use crate::check;
use crate::core::flush::FlushRequest;
use crate::delivery::{Backoff, Delivery, Pauses, Settings, Sized};
use crate::recorder::Recorder;
use crate::sink::{Batch, Sink, SinkError};
use crate::spool::Spool;
use crate::sync::thread;
use crate::threads::Threads;

/// Keeps the numbers of what it takes.
#[derive(Debug, Default)]
struct Taking {
    // Not loom's, so that looking makes no order of its own.
    taken: Arc<Mutex<Vec<u32>>>,
    flushed: Arc<Mutex<usize>>,
    /// Told of each batch.
    told: Option<Arc<FlushRequest>>,
}

impl Sink for Taking {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        // The sink takes its time.
        thread::yield_now();
        let numbers = batch.records.iter().filter_map(|record| record.attempts);
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(numbers);
        if let Some(told) = &self.told {
            told.done(None, false);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).len();
        *self.flushed.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        Ok(())
    }
}

fn record(number: u32) -> Sized {
    let record = Record { attempts: Some(number), ..Record::default() };
    Sized { record: Arc::new(record), size: 1, forbidden: 1 }
}

struct Scene {
    delivery: Arc<Delivery>,
    threads: Threads,
    taken: Arc<Mutex<Vec<u32>>>,
    flushed: Arc<Mutex<usize>>,
}

impl Scene {
    fn new(spool: bool) -> Self {
        Self::telling(spool, None)
    }

    fn telling(spool: bool, told: Option<Arc<FlushRequest>>) -> Self {
        let sink = Taking { told, ..Taking::default() };
        let (taken, flushed) = (Arc::clone(&sink.taken), Arc::clone(&sink.flushed));
        let settings =
            Settings { records: 8, bytes: 8, backoff: Backoff::new(), pauses: Pauses::default() };
        let spool = spool.then(Spool::default);
        let (name, threads) = ("sink".to_owned(), Threads::default());
        let started =
            Delivery::start(Box::new(sink), name, settings, spool, Recorder::default(), &threads);
        let delivery = started.expect("loom has threads");
        Self { delivery, threads, taken, flushed }
    }

    fn taken(&self) -> Vec<u32> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn flushed(&self) -> usize {
        *self.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end, and sees that all of these are accounted for.
    fn end(self, pushed: u64) -> (Vec<u32>, u64) {
        let (taken, delivery) = (Arc::clone(&self.taken), Arc::clone(&self.delivery));
        self.threads.join();
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let account = delivery.account();
        let lost = account.lost.values().sum::<u64>();
        assert_eq!(account.delivered, taken.len() as u64);
        assert_eq!(account.delivered + lost + account.spooled, pushed, "{account:?}");
        (taken, lost)
    }
}

pub fn all_that_came_before_an_end_is_delivered_in_order() {
    check(3, || {
        let scene = Scene::new(false);
        let delivery = Arc::clone(&scene.delivery);
        delivery.push(&[record(0)]);
        delivery.push(&[record(1), record(2)]);
        delivery.close();
        assert_eq!(scene.end(3), (vec![0, 1, 2], 0));
    });
}

pub fn a_record_wakes_a_sink_that_sleeps() {
    check(4, || {
        let told = Arc::new(FlushRequest::default());
        told.expect(1);
        let scene = Scene::telling(false, Some(Arc::clone(&told)));
        scene.delivery.push(&[record(0)]);
        // Nothing else wakes it.
        assert!(told.wait(None).is_some());
        scene.delivery.close();
        assert_eq!(scene.end(1), (vec![0], 0));
    });
}

pub fn a_flush_is_answered_when_what_came_before_it_is_delivered_and_flushed() {
    check(3, || {
        let scene = Scene::new(false);
        let worker = {
            let delivery = Arc::clone(&scene.delivery);
            thread::spawn(move || delivery.push(&[record(1)]))
        };
        scene.delivery.push(&[record(0)]);
        let request = Arc::new(FlushRequest::default());
        request.expect(1);
        scene.delivery.flush(Arc::clone(&request));
        let flushed = request.wait(None).expect("there is time");
        assert!(flushed.failed.is_empty() && !flushed.waiting);
        assert!(scene.taken().contains(&0) && scene.flushed() > 0);
        worker.join().expect("no panic");
        scene.delivery.close();
        assert_eq!(scene.end(2).0.len(), 2);
    });
}

pub fn a_flush_is_answered_whenever_the_end_comes() {
    check(3, || {
        let scene = Scene::new(false);
        scene.delivery.push(&[record(0)]);
        let closer = {
            let delivery = Arc::clone(&scene.delivery);
            thread::spawn(move || delivery.close())
        };
        let request = Arc::new(FlushRequest::default());
        request.expect(1);
        scene.delivery.flush(Arc::clone(&request));
        let flushed = request.wait(None).expect("there is time");
        // It was in time for the sink, or is told that it was not.
        assert!(flushed.waiting || scene.flushed() == 1);
        closer.join().expect("no panic");
        assert_eq!(scene.end(1), (vec![0], 0));
    });
}

pub fn what_a_shutdown_gives_up_is_delivered_or_lost_and_never_both() {
    check(3, || {
        let scene = Scene::new(false);
        let worker = {
            let delivery = Arc::clone(&scene.delivery);
            thread::spawn(move || {
                delivery.push(&[record(0)]);
                delivery.push(&[record(1)]);
            })
        };
        scene.delivery.abandon();
        worker.join().expect("no panic");
        scene.end(2);
    });
}

pub fn what_moves_to_disk_while_the_sink_is_busy_is_delivered_once_and_in_order() {
    check(3, || {
        let scene = Scene::new(true);
        let saver = {
            let delivery = Arc::clone(&scene.delivery);
            thread::spawn(move || assert!(delivery.save()))
        };
        scene.delivery.push(&[record(0)]);
        scene.delivery.push(&[record(1)]);
        saver.join().expect("no panic");
        scene.delivery.close();
        assert_eq!(scene.end(2), (vec![0, 1], 0));
    });
}
