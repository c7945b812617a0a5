//! A span's place in time.

use crate::style::Style;

/// Left parts of a column, in eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The bar of a span that begins at `offset` and takes `length`, both as parts of the trace's
/// duration; always something, so that a short span is seen.
pub(super) fn bar(offset: f64, length: f64, columns: usize, style: &Style) -> String {
    let columns_f = columns as f64;
    let begin = ((offset.clamp(0.0, 1.0) * columns_f) as usize).min(columns.saturating_sub(1));
    let room = columns - begin;
    let eighths = (length.clamp(0.0, 1.0) * columns_f * 8.0).round() as usize;
    let (full, part) = (eighths / 8, eighths % 8);
    let drawn = if style.is_ascii() {
        if full == 0 { "|".to_owned() } else { "=".repeat(full.min(room)) }
    } else if full >= room {
        "█".repeat(room)
    } else if full == 0 {
        EIGHTHS.get(part.max(1)).copied().unwrap_or_default().to_owned()
    } else {
        "█".repeat(full) + EIGHTHS.get(part).copied().unwrap_or_default()
    };
    format!("{:begin$}{drawn}", "")
}
