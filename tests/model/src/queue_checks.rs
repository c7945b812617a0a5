//! The way from callers to the worker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use crate::check;
use crate::queue::{Queue, Urgency};
use crate::sync::FOREVER;

/// Over at once, as any wait but that one.
const MOMENT: Duration = Duration::from_millis(1);

/// An item: whose, and which of theirs.
type Item = (usize, usize);

fn queue() -> Arc<Queue<Item>> {
    Arc::new(Queue::new(8, 8, 8))
}

/// Pushes items in order; gives the number of those that were taken in.
fn produce(queue: &Queue<Item>, who: usize, n: usize, urgency: Urgency) -> usize {
    (0..n).take_while(|item| queue.push((who, *item), urgency).is_ok()).count()
}

/// Takes as the worker does, until the queue has been closed and nothing is left.
fn consume(queue: &Queue<Item>) -> Vec<Item> {
    let (mut taken, mut items) = (Vec::new(), VecDeque::new());
    loop {
        let closed = queue.is_closed();
        queue.take(&mut items, Duration::ZERO, FOREVER);
        let worked = !items.is_empty();
        taken.extend(items.drain(..));
        if closed && !worked {
            return taken;
        }
    }
}

fn of(taken: &[Item], who: usize) -> Vec<usize> {
    taken.iter().filter(|item| item.0 == who).map(|item| item.1).collect()
}

pub fn what_was_pushed_is_taken_once_and_in_order_whenever_the_end_comes() {
    check(3, || {
        let queue = queue();
        let producers: Vec<_> = [2, 1]
            .into_iter()
            .enumerate()
            .map(|(who, n)| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || produce(&queue, who, n, Urgency::Soon))
            })
            .collect();
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || consume(&queue))
        };
        queue.close();
        let pushed: Vec<_> = producers.into_iter().map(|p| p.join().expect("no panic")).collect();
        let taken = worker.join().expect("no panic");
        assert_eq!(taken.len(), pushed.iter().sum::<usize>());
        for (who, n) in pushed.into_iter().enumerate() {
            assert_eq!(of(&taken, who), (0..n).collect::<Vec<_>>());
        }
        assert_eq!(queue.push((9, 9), Urgency::Now), Err((9, 9)), "it is given back");
    });
}

pub fn nobody_sleeps_while_an_item_waits() {
    check(3, || {
        let queue = queue();
        for who in 0..2 {
            let queue = Arc::clone(&queue);
            thread::spawn(move || produce(&queue, who, 2, Urgency::Soon));
        }
        let (mut taken, mut items) = (0, VecDeque::new());
        // A wake-up that is lost makes this wait for good.
        while taken < 4 {
            queue.take(&mut items, Duration::ZERO, FOREVER);
            assert!(!items.is_empty(), "woken for nothing");
            taken += items.drain(..).count();
        }
    });
}

pub fn what_joins_an_item_that_has_not_been_taken_is_taken_no_later_than_it() {
    check(3, || {
        let queue = queue();
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let rounds = queue.rounds();
                produce(&queue, 0, 1, Urgency::Now);
                produce(&queue, 1, 1, Urgency::Soon);
                queue.rounds() == rounds
            })
        };
        let (mut rounds, mut items) = (Vec::<Vec<Item>>::new(), VecDeque::new());
        while rounds.concat().len() < 2 {
            queue.take(&mut items, Duration::ZERO, FOREVER);
            rounds.push(items.drain(..).collect());
        }
        let joined = producer.join().expect("no panic");
        let round = |who| rounds.iter().position(|round| round.contains(&(who, 0)));
        assert!(!joined || round(1) <= round(0), "{rounds:?}");
    });
}

pub fn what_is_wanted_at_once_wakes_whoever_lingers() {
    check(3, || {
        let queue = queue();
        for (who, urgency) in [Urgency::Soon, Urgency::Now].into_iter().enumerate() {
            let queue = Arc::clone(&queue);
            thread::spawn(move || produce(&queue, who, 2, urgency));
        }
        let (mut at_once, mut items) = (0, VecDeque::new());
        while at_once < 2 {
            queue.take(&mut items, FOREVER, FOREVER);
            let before = at_once;
            at_once += items.drain(..).filter(|item| item.0 == 1).count();
            assert!(at_once > before, "woken for what could wait");
        }
    });
}

pub fn what_is_wanted_soon_wakes_whoever_has_lingered_for_nothing() {
    check(3, || {
        let queue = queue();
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || produce(&queue, 0, 2, Urgency::Soon))
        };
        let (mut taken, mut items) = (0, VecDeque::new());
        while taken < 2 {
            queue.take(&mut items, MOMENT, FOREVER);
            assert!(!items.is_empty(), "woken for nothing");
            taken += items.drain(..).count();
        }
        assert_eq!(producer.join().expect("no panic"), 2);
    });
}

pub fn what_can_wait_is_taken_with_what_cannot() {
    check(3, || {
        let queue = queue();
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                produce(&queue, 0, 2, Urgency::Whenever);
                produce(&queue, 1, 1, Urgency::Soon);
            })
        };
        let (mut taken, mut items) = (Vec::new(), VecDeque::new());
        while taken.last() != Some(&(1, 0)) {
            queue.take(&mut items, Duration::ZERO, FOREVER);
            assert!(!items.is_empty(), "woken for nothing");
            taken.extend(items.drain(..));
        }
        assert_eq!(taken, [(0, 0), (0, 1), (1, 0)]);
        producer.join().expect("no panic");
    });
}

pub fn room_that_runs_short_ends_a_linger() {
    check(3, || {
        let queue = Arc::new(Queue::<Item>::new(2, 0, 8));
        let callers: Vec<_> = (0..2)
            .map(|who| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || {
                    assert!(queue.reserve());
                    produce(&queue, who, 1, Urgency::Whenever);
                })
            })
            .collect();
        let mut items = VecDeque::new();
        // The last of them at least finds more than half of the room taken.
        queue.take(&mut items, FOREVER, FOREVER);
        assert!(!items.is_empty(), "woken for nothing");
        callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
    });
}

pub fn an_end_wakes_whoever_lingers() {
    check(4, || {
        let queue = queue();
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let mut items = VecDeque::new();
                queue.take(&mut items, FOREVER, FOREVER);
                items.len()
            })
        };
        let pushed = produce(&queue, 0, 1, Urgency::Soon);
        queue.close();
        assert_eq!(worker.join().expect("no panic"), pushed);
    });
}

pub fn an_end_wakes_whoever_sleeps() {
    check(4, || {
        let queue = queue();
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || consume(&queue))
        };
        queue.close();
        assert_eq!(worker.join().expect("no panic"), []);
    });
}

pub fn a_wait_that_is_over_leaves_the_next_push_a_wake_up() {
    check(4, || {
        let queue = queue();
        let producer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || produce(&queue, 0, 1, Urgency::Soon))
        };
        let mut items = VecDeque::new();
        queue.take(&mut items, Duration::ZERO, Duration::ZERO);
        if items.is_empty() {
            queue.take(&mut items, Duration::ZERO, FOREVER);
        }
        assert_eq!(items, [(0, 0)]);
        assert_eq!(producer.join().expect("no panic"), 1);
    });
}

pub fn no_more_operations_are_open_than_may_be() {
    check(2, || {
        let queue = Arc::new(Queue::<Item>::new(2, 0, 8));
        // Not loom's, so that looking makes no order of its own.
        let open = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (queue, open) = (Arc::clone(&queue), Arc::clone(&open));
                thread::spawn(move || {
                    use std::sync::atomic::Ordering::SeqCst;

                    if queue.reserve() {
                        assert!(open.fetch_add(1, SeqCst) < 2, "one too many");
                        thread::yield_now();
                        open.fetch_sub(1, SeqCst);
                        queue.release();
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
        assert_eq!([queue.reserve(), queue.reserve(), queue.reserve()], [true, true, false]);
    });
}

pub fn what_is_refused_takes_no_room_from_others() {
    check(4, || {
        let queue = Arc::new(Queue::<Item>::new(0, 8, 8));
        let large = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert!(!queue.reserve_bytes(usize::MAX)))
        };
        assert!(queue.reserve_bytes(8), "there is room for it");
        large.join().expect("no panic");
        assert!(!queue.reserve_bytes(1));
        queue.release_bytes(8);
        assert!(queue.reserve_bytes(8));
    });
}
