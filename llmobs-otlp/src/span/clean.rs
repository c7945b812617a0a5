//! Characters that backends choke on.
//!
//! Databases refuse NUL, in JSON as well, and other control characters steer the terminals that
//! traces are read in. Tabs and ends of lines stay, all others become U+FFFD.

use serde_json::Value;

const INSTEAD: &str = "\u{fffd}";

/// The text without control characters.
pub(crate) fn text(text: String) -> String {
    if text.contains(is_control) { text.replace(is_control, INSTEAD) } else { text }
}

/// The JSON text without control characters, escaped ones included.
pub(crate) fn json(json: String) -> String {
    // Most of what looks like an escaped one is none, and is only looked at again.
    let suspect = json.contains(is_control)
        || ["\\u00", "\\b", "\\f"].iter().any(|escape| json.contains(escape));
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
