//! Contents made to fit a limit: shorter texts, fewer messages, and the same structure.
//!
//! What is left has the types it had, so that what was valid JSON by a schema still is. The longest
//! texts are shortened first, all to the same length; only where that is not enough, items go: the
//! oldest of messages, the last of anything else. Each cut says in its place how much there was.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

/// Shortest length texts are cut to, in bytes of JSON without the quotes: room for the mark.
const FLOOR: usize = 32;
/// Longest text under a key of [`KEPT`] that is left as it is.
const WORD: usize = 256;
/// Keys whose short texts say what something is.
const KEPT: [&str; 8] =
    ["type", "role", "id", "name", "modality", "mime_type", "finish_reason", "file_id"];
/// Room for the mark of left out entries.
const ENTRY_MARK: usize = 32;
/// Objects with less room than this say nothing of what they lost.
const MARKED: usize = 96;

/// What a content is made of, which decides what of it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A list of messages.
    Messages,
    /// A list of the parts of a message.
    Parts,
    /// A list of tools.
    Tools,
    /// A list of documents, or of records of a memory.
    Documents,
    /// Anything.
    Json,
    /// A text that stands for itself.
    Text,
    /// One of the lists' items.
    Item(Item),
}

/// An item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message,
    Part,
    Tool,
    Document,
}

impl Form {
    pub(super) fn item(self) -> Self {
        match self {
            Self::Messages => Self::Item(Item::Message),
            Self::Parts => Self::Item(Item::Part),
            Self::Tools => Self::Item(Item::Tool),
            Self::Documents => Self::Item(Item::Document),
            _ => Self::Json,
        }
    }

    fn entry(self, key: &str) -> Self {
        match (self, key) {
            (Self::Item(Item::Message), "parts") => Self::Parts,
            _ => Self::Json,
        }
    }

    /// Entries without which the object is none of its kind.
    fn requires(self, key: &str) -> bool {
        match self {
            Self::Item(Item::Message) => matches!(key, "role" | "parts"),
            Self::Item(Item::Part) => key == "type",
            Self::Item(Item::Tool) => matches!(key, "type" | "name"),
            Self::Item(Item::Document) => key == "content",
            _ => false,
        }
    }

    /// What stands for the items that were left out.
    fn mark(self, count: usize) -> Value {
        let said = format!("… [{count} more]");
        match self {
            Self::Messages => {
                json!({"role": "cut", "parts": [{"type": "text", "content": said}]})
            }
            Self::Parts => json!({"type": "text", "content": said}),
            Self::Tools => json!({"type": "cut", "name": said}),
            Self::Documents => json!({"content": said}),
            _ => Value::String(said),
        }
    }
}

/// The JSON text in at most `limit` bytes; `None` where nothing of it can be that short.
pub(crate) fn json(json: String, form: Form, limit: usize) -> Option<String> {
    if json.len() <= limit {
        return Some(json);
    }
    let Ok(mut value) = serde_json::from_str(&json) else { return Some(text(json, limit)) };
    fit(&mut value, form, limit).then(|| value.to_string())
}

/// The text in at most `limit` bytes.
pub(crate) fn text(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let mark = mark(text.len());
        let mark = if mark.len() <= limit { mark.as_str() } else { "" };
        text.truncate(boundary(&text, limit - mark.len()));
        text.push_str(mark);
    }
    text
}

/// Cuts a value until its JSON has at most `limit` bytes. False where it cannot be that short.
pub(crate) fn fit(value: &mut Value, form: Form, limit: usize) -> bool {
    if size(value) <= limit {
        return true;
    }
    if !(spread(value, limit) || shrink(value, form, limit) && spread(value, limit)) {
        *value = match value {
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(Map::new()),
            Value::String(_) => Value::String(String::new()),
            _ => return false,
        };
        return limit >= 2;
    }
    true
}

/// Shortens the longest texts, all to the same length. False, and nothing is done, where that is
/// not enough.
fn spread(value: &mut Value, limit: usize) -> bool {
    let mut lengths = Vec::new();
    texts(value, "", &mut |text| lengths.push(encoded(text)));
    let whole = size(value);
    let fixed = whole - lengths.iter().sum::<usize>();
    let at = |level: usize| fixed + lengths.iter().map(|length| level.min(*length)).sum::<usize>();
    if at(FLOOR) > limit {
        return false;
    }
    let (mut fits, mut exceeds) = (FLOOR, limit.max(FLOOR) + 1);
    while fits + 1 < exceeds {
        let level = fits.midpoint(exceeds);
        if at(level) <= limit { fits = level } else { exceeds = level }
    }
    texts_mut(value, "", &mut |text| shorten(text, fits));
    true
}

/// Leaves out items and entries until texts of the shortest length fit. False where it cannot be
/// that small as what it is.
fn shrink(value: &mut Value, form: Form, limit: usize) -> bool {
    match value {
        Value::String(text) => {
            shorten(text, limit.saturating_sub(2));
            limit >= 2
        }
        other if least(other, "") <= limit => true,
        Value::Array(items) => {
            shrink_list(items, form, limit);
            limit >= 2
        }
        Value::Object(entries) => shrink_object(entries, form, limit),
        _ => false,
    }
}

fn shrink_list(items: &mut Vec<Value>, form: Form, limit: usize) {
    let newest_first = form == Form::Messages;
    let count = items.len();
    let mark = form.mark(count);
    let marks = 2 + size(&mark) < limit;
    let room = limit.saturating_sub(2 + if marks { size(&mark) + 1 } else { 0 });
    let mut left: VecDeque<Value> = std::mem::take(items).into();
    let mut used = 0;
    while let Some(mut item) = if newest_first { left.pop_back() } else { left.pop_front() } {
        let mut needed = least(&item, "") + 1;
        // A part of the first says more than nothing; of all others it would hide what is whole.
        if used + needed > room + 1 {
            if !items.is_empty() || !shrink(&mut item, form.item(), room) {
                break;
            }
            needed = room + 1;
        }
        used += needed;
        items.push(item);
    }
    if marks && items.len() < count {
        items.push(form.mark(count - items.len()));
    }
    if newest_first {
        items.reverse();
    }
}

fn shrink_object(entries: &mut Map<String, Value>, form: Form, limit: usize) -> bool {
    let reserved = if limit >= MARKED { ENTRY_MARK } else { 0 };
    let Some(mut room) = limit.checked_sub(2 + reserved) else { return false };
    let mut dropped = 0;
    let mut all: Vec<_> = std::mem::take(entries).into_iter().collect();
    // What says what it is first, then what it must have.
    all.sort_by_key(|(key, _)| match key.as_str() {
        key if KEPT.contains(&key) => 0,
        key if form.requires(key) => 1,
        _ => 2,
    });
    for (key, mut value) in all {
        let around = encoded(&key) + 4;
        let inside = room.saturating_sub(around);
        let fits = around <= room
            && (least(&value, &key) <= inside || shrink(&mut value, form.entry(&key), inside));
        if fits {
            room -= around + least(&value, &key).min(inside);
            entries.insert(key, value);
        } else if form.requires(&key) {
            return false;
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 && reserved > 0 {
        entries.insert("…".to_owned(), format!("[{dropped} more]").into());
    }
    true
}

/// Visits the texts that may be cut.
fn texts(value: &Value, key: &str, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if is_cut(text, key) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, "", visit)),
        Value::Object(entries) => entries.iter().for_each(|(key, item)| texts(item, key, visit)),
        _ => {}
    }
}

fn texts_mut(value: &mut Value, key: &str, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) if is_cut(text, key) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts_mut(item, "", visit)),
        Value::Object(entries) => {
            entries.iter_mut().for_each(|(key, item)| texts_mut(item, key, visit));
        }
        _ => {}
    }
}

fn is_cut(text: &str, key: &str) -> bool {
    !KEPT.contains(&key) || encoded(text) > WORD
}

/// Bytes of a value's JSON with all texts at their shortest.
fn least(value: &Value, key: &str) -> usize {
    match value {
        Value::String(text) if is_cut(text, key) => 2 + encoded(text).min(FLOOR),
        Value::Array(items) => list(items.iter().map(|item| least(item, ""))),
        Value::Object(entries) => {
            list(entries.iter().map(|(key, item)| encoded(key) + 3 + least(item, key)))
        }
        other => size(other),
    }
}

/// Bytes of a value's JSON.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(value) => {
            if *value {
                4
            } else {
                5
            }
        }
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => 2 + encoded(text),
        Value::Array(items) => list(items.iter().map(size)),
        Value::Object(entries) => {
            list(entries.iter().map(|(key, item)| encoded(key) + 3 + size(item)))
        }
    }
}

/// The brackets, what is in them, and the commas between.
fn list(items: impl Iterator<Item = usize>) -> usize {
    let (count, bytes) = items.fold((0, 2), |(count, bytes), item| (count + 1, bytes + item));
    bytes + usize::saturating_sub(count, 1)
}

/// Bytes of a text's JSON, without the quotes.
fn encoded(text: &str) -> usize {
    text.bytes().map(encoded_byte).sum()
}

fn encoded_byte(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// Cuts a text until its JSON has at most `limit` bytes, without the quotes.
fn shorten(text: &mut String, limit: usize) {
    if encoded(text) <= limit {
        return;
    }
    let mark = mark(text.len());
    let mark = if mark.len() <= limit { mark.as_str() } else { "" };
    let room = limit - mark.len();
    let mut used = 0;
    let over = text.bytes().position(|byte| {
        used += encoded_byte(byte);
        used > room
    });
    text.truncate(boundary(text, over.unwrap_or(text.len())));
    text.push_str(mark);
}

/// The last boundary between characters that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What stands at the end of a text that was cut.
fn mark(bytes: usize) -> String {
    format!("… [{bytes} bytes]")
}
