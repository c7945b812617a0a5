//! What the reader of a stream adds to its record, and what it cannot know.

use crate::call::Reading;
use crate::record::{
    Consumer, ConsumerEnd, Latency, LatencyClock, Record, UsageSource, Wire, millis,
};

/// How the answer to a call was read that was issued at `issued`.
pub(super) fn consumer(reading: Reading, issued: u64) -> Consumer {
    let since_issued = |at: u64| millis(at.saturating_sub(issued));
    // An opening that failed has nobody reading.
    let read = reading.end.is_some();
    Consumer {
        items: read.then_some(reading.items),
        first_item_ms: reading.first_item.map(since_issued),
        stall_ms: read.then(|| millis(reading.stalled)),
        total_ms: read.then(|| since_issued(reading.ended)),
        ended: reading.end,
        error: reading.error,
        observer_panicked: reading.observer_panicked,
    }
}

/// The stream came to its end, though nobody could tell what was in it.
pub(super) fn saw_all(reading: &Reading) -> bool {
    reading.observer_panicked && reading.end == Some(ConsumerEnd::Completed)
}

/// Puts what an observer told into a record; what is the recorder's stays.
pub(super) fn tell(record: &mut Record, told: Record) {
    let own = std::mem::take(record);
    let counted = told.input_tokens.or(told.output_tokens).is_some();
    *record = Record {
        kind: own.kind,
        request_id: own.request_id,
        exchange_id: own.exchange_id,
        trace_id: own.trace_id,
        span_id: own.span_id,
        parent_span_id: own.parent_span_id,
        timestamp: own.timestamp,
        service: own.service,
        environment: own.environment,
        session_id: own.session_id,
        user_id: own.user_id,
        tags: own.tags,
        step: None,
        name: None,
        operation: own.operation,
        api: own.api.or(told.api),
        provider: told.provider.or(own.provider),
        server: told.server.or(own.server),
        model: told.model.or(own.model),
        params: told.params.or(own.params),
        prompt: own.prompt.or(told.prompt),
        stream: own.stream,
        ttft_ms: None,
        tpot_ms: None,
        total_latency_ms: None,
        latency: None,
        outcome: None,
        attempts: None,
        http_status: None,
        content: told.content.or(own.content),
        wire: own.wire,
        cut: own.cut,
        unsampled: own.unsampled,
        consumer: None,
        meta: None,
        ..told
    };
    if counted {
        let source = &mut record.usage.get_or_insert_default().source;
        source.get_or_insert(UsageSource::Reported);
    }
}

/// Takes out of a record what only the wire could tell, and says whose the times are.
pub(super) fn off_the_wire(record: &mut Record) {
    record.stream = Some(true);
    record.http_status = None;
    record.tpot_ms = None;
    let wire = record.wire.take().unwrap_or_default();
    record.wire = Some(Box::new(Wire {
        comments: None,
        end_marker: None,
        bytes: None,
        request_bytes: None,
        ..*wire
    }));
    let latency = record.latency.take().unwrap_or_default();
    record.latency = Some(Box::new(Latency {
        clock: Some(LatencyClock::Reader),
        time_to_first_chunk_ms: latency.time_to_first_chunk_ms,
        ..Latency::default()
    }));
}
