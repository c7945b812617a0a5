//! What observing costs the caller, in allocations: exact, and held.
//!
//! A binary of its own, since it counts with a global allocator. The transport answers from memory;
//! over sockets the number of reads varies, and the counts with it.

#[path = "../benches/load.rs"]
mod load;
#[path = "../benches/transport.rs"]
mod transport;

use std::time::Duration;

use llmobs::Llmobs;
use load::{Load, Mode};

/// Calls counted, after as many that are not.
const CALLS: u64 = 20;

/// Allocations of one call on the caller's thread, the reader's task included.
fn allocations(mode: Mode, events: usize) -> f64 {
    let load = Load::new(mode, events);
    let flush = |llmobs: &Llmobs| llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
    let mut counted = 0;
    for call in 0..2 * CALLS {
        let info = allocation_counter::measure(|| {
            // What was not asked for is not seen: all but the usage event, or all.
            let chunks = events + if mode == Mode::Asking { 2 } else { 3 };
            assert_eq!(load.call(), chunks, "the stream is read whole");
        });
        if call >= CALLS {
            counted += info.count_total;
        }
        // Buffers are back in the pool before the next call, as they are in a service with gaps
        // between calls.
        load.llmobs.as_ref().map(flush);
    }
    counted as f64 / CALLS as f64
}

/// Allocations a call and an event cost over the bare client.
fn over_bare(mode: Mode) -> (f64, f64) {
    let (few, many) = (50, 250);
    let extra = |events| allocations(mode, events) - allocations(Mode::Bare, events);
    let (at_few, at_many) = (extra(few), extra(many));
    let per_event = (at_many - at_few) / (many - few) as f64;
    (at_few - per_event * few as f64, per_event)
}

#[test]
fn observing_allocates_little_on_the_caller() {
    let rows = [
        (Mode::Off, 0.0, 0.0),
        (Mode::JsonLines, 12.0, 0.05),
        (Mode::Asking, 30.0, 0.05),
        (Mode::OpenTelemetry, 20.0, 0.05),
    ];
    println!("allocations on the caller over bare | per call | per event");
    for (mode, max_call, max_event) in rows {
        let (per_call, per_event) = over_bare(mode);
        println!("{mode:?} | {per_call:.2} | {per_event:.4}");
        assert!(per_call <= max_call, "{mode:?}: {per_call} allocations a call");
        assert!(per_event <= max_event, "{mode:?}: {per_event} allocations an event");
    }
}
