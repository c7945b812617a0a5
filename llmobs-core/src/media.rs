//! Which bodies are no text.

/// Whether a body of this content type is bytes that nobody reads as text: sound, pictures, films,
/// fonts, archives, forms with files, and whatever is called no more than bytes.
///
/// ```
/// use llmobs_core::is_binary;
///
/// assert!(is_binary("Audio/MPEG") && is_binary("multipart/form-data; boundary=x"));
/// assert!(!is_binary("application/json") && !is_binary("text/event-stream"));
/// ```
pub fn is_binary(content_type: &str) -> bool {
    const KINDS: [&str; 5] = ["audio/", "image/", "video/", "font/", "multipart/"];
    const TYPES: [&str; 7] = [
        "application/octet-stream",
        "application/zip",
        "application/gzip",
        "application/x-tar",
        "application/pdf",
        "application/ogg",
        "binary/octet-stream",
    ];
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let starts_with = |kind: &&str| {
        essence.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
    };
    KINDS.iter().any(starts_with) || TYPES.iter().any(|name| essence.eq_ignore_ascii_case(name))
}
