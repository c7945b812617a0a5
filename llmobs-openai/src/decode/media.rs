//! Images, sound and files: told by what they are and how large, never by what is in them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Media by reference, or, where they are in the message, by kind, size and hash alone.
pub(super) fn part(modality: &str, inner: Option<Value>, outer: Map<String, Value>) -> Value {
    let inner = match inner {
        Some(Value::Object(inner)) => inner,
        Some(Value::String(url)) => Map::from_iter([("url".to_owned(), url.into())]),
        _ => outer,
    };
    let field = |names: &[&str]| names.iter().find_map(|name| inner.get(*name)?.as_str());
    if let Some(id) = field(&["file_id"]) {
        return json!({"type": "file", "modality": modality, "file_id": id});
    }
    let Some(data) = field(&["url", "data", "file_data", "file_url"]) else {
        return json!({"type": "blob", "modality": modality});
    };
    if data.starts_with("http://") || data.starts_with("https://") {
        return json!({"type": "uri", "modality": modality, "uri": place(data)});
    }
    let header = data.strip_prefix("data:").and_then(|data| data.split_once(','));
    let (head, payload) = header.map_or((None, data), |(head, payload)| (Some(head), payload));
    let mime = head.and_then(|head| head.split(';').next()).or_else(|| field(&["format"]));
    // Without the word, what a data URL holds is a text.
    let plain = head.is_some_and(|head| !head.ends_with(";base64"));
    if !plain {
        return blob(modality, mime, payload);
    }
    let (bytes, hash) = as_sent(payload);
    json!({"type": "blob", "modality": modality, "mime_type": mime, "bytes": bytes, "sha256": hash})
}

/// Media that came as base64.
pub(super) fn blob(modality: &str, mime: Option<&str>, payload: &str) -> Value {
    let (bytes, hash) = measure(payload);
    json!({"type": "blob", "modality": modality, "mime_type": mime, "bytes": bytes, "sha256": hash})
}

/// A URL without what may be a secret in it: user, password, query and fragment.
fn place(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = url.get(..end).unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Length and hash of what a text of base64 stands for; of the text itself where it is none.
fn measure(payload: &str) -> (u64, String) {
    let (mut hash, mut len) = (Sha256::new(), 0);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut bytes = Vec::with_capacity(4096);
    for byte in payload.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b' ' => continue,
            _ => return as_sent(payload),
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            // The upper bits have been taken already.
            bytes.push((bits >> held & 0xff) as u8);
        }
        if bytes.len() == 4096 {
            hash.update(&bytes);
            len += bytes.len() as u64;
            bytes.clear();
        }
    }
    hash.update(&bytes);
    (len + bytes.len() as u64, hex(hash))
}

fn as_sent(text: &str) -> (u64, String) {
    (text.len() as u64, hex(Sha256::new_with_prefix(text)))
}

/// A hash as it is written.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
