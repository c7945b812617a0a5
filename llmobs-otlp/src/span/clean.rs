//! Characters that backends choke on.
//!
//! Databases refuse NUL, in JSON as well, and other control characters steer the terminals that
//! traces are read in. Tabs and ends of lines stay, all others become U+FFFD.

use serde_json::Value;

use crate::attributes::Text;

const INSTEAD: &str = "\u{fffd}";

/// The text without control characters.
pub(crate) fn text(text: String) -> String {
    if is_unclean(&text) { text.replace(is_control, INSTEAD) } else { text }
}

/// The same in place; what is ours is clean.
pub(crate) fn lent(of: &mut Text<'_>) {
    if !of.is_static() && is_unclean(of.as_str()) {
        of.replace(text);
    }
}

fn is_unclean(text: &str) -> bool {
    // In UTF-8 these bytes are in all control characters and in few others; without an early end the
    // loop looks at many at once.
    let suspect = |byte: u8| byte < b' ' || byte == 0x7f || byte == 0xc2;
    text.bytes().fold(false, |found, byte| found | suspect(byte)) && text.contains(is_control)
}

/// The JSON text without control characters, escaped ones included.
pub(crate) fn json(json: String) -> String {
    // Most of what looks like an escaped one is none, and is only looked at again.
    let suspect =
        is_unclean(&json) || ["\\u00", "\\b", "\\f"].iter().any(|escape| json.contains(escape));
    if !suspect {
        return json;
    }
    match serde_json::from_str::<Value>(&json) {
        Ok(mut value) => {
            walk(&mut value);
            value.to_string()
        }
        Err(_) => text(json),
    }
}

fn walk(value: &mut Value) {
    match value {
        Value::String(own) => *own = text(std::mem::take(own)),
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(entries) => {
            entries.values_mut().for_each(walk);
            if entries.keys().any(|key| key.contains(is_control)) {
                let all = std::mem::take(entries).into_iter();
                entries.extend(all.map(|(key, value)| (text(key), value)));
            }
        }
        _ => {}
    }
}

fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r')
}
