//! About how much memory a record takes.

use serde_json::Value;

use crate::record::Record;

/// The record itself, with what is not looked at one by one: ids and names of models, providers and
/// hosts, each of a few bytes.
const FIXED: usize = size_of::<Record>() + 512;
/// A string's own room, or that of an entry in a map.
const ENTRY: usize = 48;

/// About how many bytes a record takes in memory: all that can be long is counted.
pub(crate) fn size(record: &Record) -> usize {
    let mut size = FIXED;
    let mut add = |n: usize| size = size.saturating_add(n);
    boxed(&record.params, &mut add);
    boxed(&record.cost, &mut add);
    boxed(&record.latency, &mut add);
    boxed(&record.consumer, &mut add);
    boxed(&record.error, &mut add);
    boxed(&record.rate_limit, &mut add);
    boxed(&record.wire, &mut add);
    boxed(&record.safety, &mut add);
    boxed(&record.content, &mut add);
    boxed(&record.totals, &mut add);
    boxed(&record.cut, &mut add);
    boxed(&record.meta, &mut add);
    boxed(&record.tool, &mut add);
    boxed(&record.agent, &mut add);
    boxed(&record.workflow, &mut add);
    boxed(&record.retrieved, &mut add);
    record.server_timing.keys().for_each(|key| add(2 * ENTRY + key.len()));
    record.redacted.keys().for_each(|key| add(2 * ENTRY + key.len()));
    record.tags.iter().for_each(|(key, value)| add(2 * ENTRY + key.len() + value.len()));
    record.attributes.iter().for_each(|(key, of)| add(ENTRY + key.len() + value(of)));
    let texts = [&record.name, &record.session_id, &record.user_id, &record.model];
    texts.into_iter().flatten().for_each(|text| add(text.len()));
    for prompt in record.prompt.iter().chain(&record.prompts) {
        add(4 * ENTRY + prompt.name.len());
        prompt.variables.iter().for_each(|(key, of)| add(2 * ENTRY + key.len() + of.len()));
    }
    if let Some(retrieved) = &record.retrieved {
        let ids = retrieved.documents.iter().map(|document| document.id.as_deref().unwrap_or(""));
        ids.for_each(|id| add(ENTRY + id.len()));
    }
    if let Some(params) = &record.params {
        params.stop.iter().for_each(|stop| add(ENTRY + stop.len()));
    }
    if let Some(latency) = &record.latency {
        add(size_of_val(latency.chunk_gaps_ms.as_slice()));
    }
    for call in &record.tool_calls {
        add(4 * ENTRY + call.arguments.as_ref().map_or(0, String::len));
    }
    record.output_item_types.iter().for_each(|item| add(ENTRY + item.len()));
    record.finish_reasons.iter().flatten().for_each(|reason| add(ENTRY + reason.len()));
    record.attempt_details.iter().for_each(|_| add(1024));
    let errors = record.attempt_details.iter().filter_map(|attempt| attempt.error.as_ref());
    for error in record.error.iter().chain(errors) {
        add(error.message.as_ref().map_or(0, String::len));
    }
    if let Some(content) = &record.content {
        let parts = [
            &content.input_messages,
            &content.output_messages,
            &content.system_instructions,
            &content.tool_definitions,
            &content.arguments,
            &content.result,
            &content.documents,
        ];
        parts.into_iter().flatten().for_each(|part| add(value(part)));
    }
    size
}

fn boxed<T>(part: &Option<Box<T>>, add: &mut impl FnMut(usize)) {
    if part.is_some() {
        // Its own texts are as short as those of the record.
        add(size_of::<T>() + 2 * ENTRY);
    }
}

/// A value of JSON, which was read or built with a bound on its depth.
fn value(of: &Value) -> usize {
    let inside = match of {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value).sum(),
        Value::Object(entries) => {
            entries.iter().map(|(key, of)| ENTRY + key.len() + value(of)).sum()
        }
    };
    size_of::<Value>() + inside
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Content;
    use crate::testing::{kit, samples};

    #[test]
    fn no_record_is_taken_for_smaller_than_its_line() {
        for record in samples::all().iter().chain(&kit::odd_records()) {
            let line = serde_json::to_vec(record).expect("it can be written").len();
            assert!(size(record) >= line, "{} < {line}: {record:?}", size(record));
        }
    }

    #[test]
    fn content_counts_as_often_as_it_is_there() {
        let message = json!([{ "role": "user", "parts": [{ "type": "text", "content": "x".repeat(1_000) }] }]);
        let mut record = samples::dropped();
        let before = size(&record);
        let content = Content { input_messages: Some(message), ..Content::default() };
        record.content = Some(Box::new(content));
        let more = size(&record) - before;
        assert!((1_000..2_000).contains(&more), "{more}");
    }
}
