//! Marks of time along a stream, and the figures that follow from them.

use crate::call::Counted;
use crate::decoder::{Closing, EventFacts, Reasoning};
use crate::record::{Latency, Record, TpotSource, UsageSource, Wire, millis};

/// Gaps kept for the per-chunk metric; later ones of a longer stream count in the maximum only.
const MAX_GAPS: usize = 16_384;

/// Counts events and remembers when the ones that matter arrived.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) events: u64,
    pub(crate) malformed: u64,
    /// Bytes of the body, whether they were kept or not.
    pub(crate) bytes: u64,
    /// How many there were has not been told.
    uncounted: bool,
    output_events: u64,
    first_byte: Option<u64>,
    first_event: Option<u64>,
    first_token: Option<(u64, u64)>,
    last_token: Option<(u64, u64)>,
    last_event: Option<u64>,
    /// Reads that carried at least one token.
    token_reads: u64,
    last_token_read: Option<u64>,
    /// Times between reads that carried tokens, in nanoseconds: to the nanosecond up to 16 ms, and to
    /// one part in ten millions beyond, in half the memory.
    gaps: Vec<f32>,
    max_gap: u64,
    n_gaps: u64,
    chunk_gaps_ms: Vec<f32>,
}

impl Account {
    pub(crate) fn read(&mut self, at: u64, len: usize) {
        self.first_byte.get_or_insert(at);
        self.bytes += len as u64;
    }

    /// Takes what was counted elsewhere; `None` where that was not told.
    pub(crate) fn counted(&mut self, counted: Option<Counted>) {
        self.uncounted = counted.is_none();
        self.bytes = counted.map_or(0, |counted| counted.bytes);
    }

    pub(crate) fn event(&mut self, at: u64, facts: EventFacts) {
        if facts.marker {
            return;
        }
        let index = self.events;
        self.events += 1;
        self.malformed += u64::from(facts.malformed);
        self.first_event.get_or_insert(at);
        if let Some(last) = self.last_event.replace(at)
            && self.chunk_gaps_ms.len() < MAX_GAPS
        {
            push(&mut self.chunk_gaps_ms, at.saturating_sub(last) as f32 / 1e6);
        }
        if facts.output {
            self.output_events += 1;
            self.first_token.get_or_insert((index, at));
            self.last_token = Some((index, at));
            // Several events of one read carry the same time: they are one arrival.
            if self.last_token_read != Some(at) {
                self.token_reads += 1;
                if let Some(last) = self.last_token_read.replace(at) {
                    self.gap(at.saturating_sub(last));
                }
            }
        }
    }

    fn gap(&mut self, gap: u64) {
        self.n_gaps += 1;
        self.max_gap = self.max_gap.max(gap);
        if self.gaps.len() < MAX_GAPS {
            push(&mut self.gaps, gap as f32);
        }
    }

    /// Writes counts and, for a stream, its times; `issued` and `sent` are marks of the call.
    pub(crate) fn finish(
        mut self,
        issued: u64,
        sent: Option<u64>,
        stream: bool,
        closing: &Closing,
        record: &mut Record,
    ) {
        let wire = record.wire.get_or_insert_default();
        wire.bytes = Some(self.bytes).filter(|_| !self.uncounted);
        wire.malformed = (self.malformed > 0).then_some(self.malformed);
        if !stream {
            return;
        }
        self.write_counts(wire, closing);
        // A clock that ran backwards knows no time in between.
        let since_issued = |at: u64| at.checked_sub(issued).map(millis);
        record.ttft_ms = self.first_token.and_then(|(_, at)| since_issued(at));
        let tpot = self.tpot(record, closing);
        let latency = record.latency.get_or_insert_default();
        latency.time_to_first_chunk_ms = self.first_event.and_then(since_issued);
        if let (Some((_, first)), Some((_, last))) = (self.first_token, self.last_token) {
            latency.prefill_ms = sent.map(|sent| millis(first.saturating_sub(sent)));
            latency.decode_ms = Some(millis(last.saturating_sub(first)));
        }
        // Tokens that came in one or two reads were held back by something on the way.
        latency.buffered = self.output_events > 2 && self.token_reads <= 2;
        if latency.buffered {
            return;
        }
        self.write_gaps(latency);
        if let Some((tpot_ms, source)) = tpot {
            record.tpot_ms = Some(tpot_ms);
            latency.tpot_source = Some(source);
        }
    }

    fn write_counts(&self, wire: &mut Wire, closing: &Closing) {
        wire.events = Some(self.events);
        wire.first_event = (self.events > 0).then_some(0);
        wire.first_token_event = self.first_token.map(|(index, _)| index);
        wire.last_token_event = self.last_token.map(|(index, _)| index);
        wire.output_events = Some(self.output_events);
        wire.end_marker = closing.end_marker;
    }

    fn write_gaps(&mut self, latency: &mut Latency) {
        latency.chunk_gaps_ms = std::mem::take(&mut self.chunk_gaps_ms);
        if self.gaps.is_empty() {
            return;
        }
        let (gaps, max) = (&mut self.gaps[..], self.max_gap);
        let n = gaps.len();
        // From the middle up, each among those from the last on: few are put in their places.
        let mut from = 0;
        let mut at = |share: f64| {
            let rank = ((share * n as f64).ceil() as usize).clamp(1, n) - 1;
            let (_, gap, _) =
                gaps.get_mut(from..)?.select_nth_unstable_by(rank - from, f32::total_cmp);
            from = rank;
            Some(millis((*gap as u64).min(max)))
        };
        latency.gap_p50_ms = at(0.50);
        latency.gap_p95_ms = at(0.95);
        latency.gap_p99_ms = at(0.99);
        latency.gaps = Some(self.n_gaps);
        latency.gap_max_ms = Some(millis(self.max_gap));
    }

    /// Decode time over the tokens generated in it, less the one that starts the window.
    fn tpot(&self, record: &Record, closing: &Closing) -> Option<(f64, TpotSource)> {
        let (first, last) = (self.first_token?.1, self.last_token?.1);
        let decode = last.saturating_sub(first);
        let (count, source) = self.tokens_in_window(record, closing)?;
        let steps = count.checked_sub(1).filter(|steps| *steps > 0)?;
        Some((millis(decode / steps), source))
    }

    fn tokens_in_window(&self, record: &Record, closing: &Closing) -> Option<(u64, TpotSource)> {
        let by_events = Some((closing.output_events_per_choice, TpotSource::Events));
        let usage = record.usage.as_ref();
        if usage.is_some_and(|usage| usage.inconsistent) {
            return None;
        }
        // An estimate counts what was seen, which is what events count without a tokenizer.
        let counted = usage.is_some_and(|usage| usage.source != Some(UsageSource::Estimated));
        let Some(output) = record.output_tokens.filter(|_| counted) else { return by_events };
        if closing.choices > 1 || closing.reasoning == Reasoning::Mixed {
            return by_events;
        }
        let hidden = usage.and_then(|usage| usage.reasoning_tokens).unwrap_or(0);
        if closing.reasoning == Reasoning::Streamed || hidden == 0 {
            return Some((output, TpotSource::Tokens));
        }
        // Some providers count reasoning beside the output instead of in it. The totals tell.
        let input = record.input_tokens;
        let total = usage.and_then(|usage| usage.total_tokens);
        let inside = match (input, total) {
            (Some(input), Some(total)) => total <= input.saturating_add(output),
            _ => true,
        };
        match output.checked_sub(hidden) {
            Some(visible) if inside => Some((visible, TpotSource::VisibleTokens)),
            _ => by_events,
        }
    }
}

/// Adds a gap. Room grows by half and not to the double: there are many streams, and each holds it as
/// long as it is open.
fn push(gaps: &mut Vec<f32>, gap: f32) {
    if gaps.len() == gaps.capacity() {
        gaps.reserve_exact((gaps.len() / 2).max(8));
    }
    gaps.push(gap);
}
