//! When a batch that was not taken is offered again.

use std::time::Duration;

/// How often, and at what intervals, a batch is offered again to a sink that asks for it.
///
/// After [`offers`](Self::offers) in a row the sink is taken to be down. From then on nothing is
/// given up: records wait, in the [spool](crate::Builder::spool) where there is one and in memory
/// where not, and the sink is offered one batch at growing intervals until it takes it. What finds no
/// room meanwhile is lost and counted; no record is too old to wait. A batch that is refused again and
/// again while others might be taken is offered in ever smaller parts, until the record that it is
/// about stands alone: that one is given up, and counted as
/// [`SinkFailed`](crate::LossCause::SinkFailed), when the one after it is taken.
///
/// Intervals are shortened by up to half at random, so that processes that lost the same backend do
/// not come back as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Backoff {
    offers: u32,
    first: Duration,
    longest: Duration,
    probe: Duration,
    give_up: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// The defaults: five offers within about three seconds, then one every 30 seconds at the least.
    pub const fn new() -> Self {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        Self { offers: 5, first, longest, probe: Duration::from_secs(30), give_up: false }
    }

    /// Times a batch is offered in a row before the sink is taken to be down; at least once. Defaults
    /// to 5.
    pub const fn offers(mut self, offers: u32) -> Self {
        self.offers = offers;
        self
    }

    /// Pause before the second offer; each later one is twice as long. Defaults to 200 ms.
    pub const fn first_pause(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// Longest pause before the sink is taken to be down. Defaults to 10 seconds.
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest = pause;
        self
    }

    /// Longest pause between offers to a sink that is down. Defaults to 30 seconds.
    pub const fn longest_probe(mut self, pause: Duration) -> Self {
        self.probe = pause;
        self
    }

    /// Whether a batch is lost, and counted as [`SinkFailed`](crate::LossCause::SinkFailed), once its
    /// offers are used up, in place of being kept until the sink is back. Defaults to no.
    pub const fn give_up(mut self, give_up: bool) -> Self {
        self.give_up = give_up;
        self
    }
}

/// A pause that a destination asked for is kept up to this length.
const LONGEST_ASKED: Duration = Duration::from_secs(5 * 60);
/// Whatever is set, a sink that is down is not hammered.
const SHORTEST_PROBE: Duration = Duration::from_millis(100);
/// A flush may have a sink that is down tried again after this time.
const HURRIED: Duration = Duration::from_secs(1);

/// Stops a sink that is down from being hammered.
#[derive(Debug)]
pub(super) struct Circuit {
    backoff: Backoff,
    random: fastrand::Rng,
    /// Offers in a row that were not taken.
    failed: u32,
    /// When the last offer failed, and when the next may be made.
    last: Duration,
    next: Duration,
    /// Until when the destination asked not to be asked.
    asked: Duration,
}

impl Circuit {
    pub(super) fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            backoff,
            random: fastrand::Rng::with_seed(seed),
            failed: 0,
            last: Duration::ZERO,
            next: Duration::ZERO,
            asked: Duration::ZERO,
        }
    }

    /// The sink has taken a batch, or said that it never will: either way it is there.
    pub(super) fn answered(&mut self) {
        self.failed = 0;
        (self.next, self.asked) = (Duration::ZERO, Duration::ZERO);
    }

    /// The sink asks for the batch to be offered again.
    pub(super) fn failed(&mut self, now: Duration, asked: Option<Duration>) {
        self.failed = self.failed.saturating_add(1);
        let Backoff { first, longest, probe, .. } = self.backoff;
        let (first, longest) = match self.is_down() {
            true => (first.max(SHORTEST_PROBE), probe.max(SHORTEST_PROBE)),
            false => (first, longest),
        };
        let doubled = 2u32.saturating_pow(self.failed - 1);
        let ours = first.saturating_mul(doubled).min(longest);
        let ours = ours.mul_f64(1.0 - self.random.f64() / 2.0);
        self.asked = now.saturating_add(asked.unwrap_or_default().min(LONGEST_ASKED));
        self.last = now;
        self.next = now.saturating_add(ours).max(self.asked);
    }

    /// Whether the offers are used up, so that records wait elsewhere.
    pub(super) fn is_down(&self) -> bool {
        self.failed >= self.backoff.offers.max(1)
    }

    /// Whether the batch that has just failed is to be given up.
    pub(super) fn gives_up(&self) -> bool {
        self.backoff.give_up && self.is_down()
    }

    /// Offers in a row that were not taken since the sink is down.
    pub(super) fn probes(&self) -> u32 {
        self.failed.saturating_sub(self.backoff.offers.max(1))
    }

    /// When the next offer may be made; earlier where somebody waits for it.
    pub(super) fn next(&self, hurried: bool) -> Duration {
        match hurried && self.is_down() {
            true => self.next.min(self.asked.max(self.last.saturating_add(HURRIED))),
            false => self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn circuit(backoff: Backoff) -> Circuit {
        Circuit::new(backoff, 7)
    }

    #[test]
    fn pauses_double_up_to_their_bounds_and_are_cut_by_half_at_most() {
        let mut circuit = circuit(Backoff::new());
        let ours = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
        for (n, longest) in ours.into_iter().enumerate() {
            circuit.failed(SECOND, None);
            let longest = Duration::from_millis(longest);
            let pause = circuit.next(false) - SECOND;
            assert!(pause <= longest && pause >= longest / 2, "{n}: {pause:?}");
            assert_eq!(circuit.is_down(), n >= 4, "{n}");
        }
        circuit.answered();
        assert!(!circuit.is_down());
        assert_eq!(circuit.next(false), Duration::ZERO);
    }

    #[test]
    fn two_seeds_come_back_at_two_times() {
        let next = |seed| {
            let mut circuit = Circuit::new(Backoff::new(), seed);
            circuit.failed(Duration::ZERO, None);
            circuit.next(false)
        };
        assert_eq!(next(1), next(1));
        assert_ne!(next(1), next(2));
    }

    #[test]
    fn what_the_destination_asks_for_is_kept_even_in_a_hurry() {
        let mut circuit = circuit(Backoff::new().offers(1));
        circuit.failed(SECOND, Some(90 * SECOND));
        assert_eq!(circuit.next(false), 91 * SECOND);
        assert_eq!(circuit.next(true), 91 * SECOND);
        circuit.failed(SECOND, Some(3_600 * SECOND));
        assert_eq!(circuit.next(false), 301 * SECOND);
    }

    #[test]
    fn a_hurry_brings_the_next_probe_forward_and_no_more() {
        let mut circuit = circuit(Backoff::new().offers(1));
        for _ in 0..20 {
            circuit.failed(SECOND, None);
        }
        assert!(circuit.next(false) >= 16 * SECOND);
        assert_eq!(circuit.next(true), 2 * SECOND);
    }
}
