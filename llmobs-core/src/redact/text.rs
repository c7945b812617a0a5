//! One text: found in it, merged, replaced.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Detector, Found, MAX_NAME, Own, Redact, Span, json};

/// How often each detector found something.
pub(super) type Counts = BTreeMap<String, u64>;

/// What a replacement begins with.
const MARK: &str = "[redacted:";
/// Longest replacement.
const MAX_MARK: usize = MARK.len() + MAX_NAME + 1;
/// A text may show more once something in it has been replaced; this often it is looked at again.
const ROUNDS: usize = 4;

impl Redact {
    /// The text with findings replaced; `None` where nothing was found.
    pub(super) fn redacted(&self, text: &str, counts: &mut Counts) -> Option<String> {
        self.nested(text, counts, json::DEPTH)
    }

    /// The same for a text that lies in `depth` fewer texts of JSON than there may be.
    pub(super) fn nested(&self, text: &str, counts: &mut Counts, depth: usize) -> Option<String> {
        if self.is_off() {
            return None;
        }
        let begin = text.trim_ascii_start();
        // By its first character, not by whether it is whole: streams are cut, and arguments with them.
        if depth > 0 && begin.starts_with(['{', '[', '"']) && !begin.starts_with(MARK) {
            json::redacted(self, text, counts, depth - 1)
        } else {
            self.plain(text, counts)
        }
    }

    /// The same for a text that is none of JSON.
    pub(super) fn plain(&self, text: &str, counts: &mut Counts) -> Option<String> {
        let mut redacted = self.round(text, &self.own, counts)?;
        for _ in 1..ROUNDS {
            // Detectors of one's own have seen all of it.
            match self.round(&redacted, &[], counts) {
                Some(again) => redacted = again,
                None => break,
            }
        }
        Some(redacted)
    }

    fn round(&self, text: &str, own: &[Own], counts: &mut Counts) -> Option<String> {
        let mut spans = Vec::new();
        for (by, detector) in Detector::ALL.into_iter().enumerate() {
            if self.has(detector) {
                detector.find()(text, &mut |range| spans.push(Span { range, by }));
            }
        }
        for (n, own) in own.iter().enumerate() {
            let by = Detector::ALL.len() + n;
            (own.find)(text, &mut Found { spans: &mut spans, by });
        }
        for span in &mut spans {
            span.range = whole_characters(text, span.range.clone());
        }
        spans.retain(|span| !span.range.is_empty() && !is_mark(text, &span.range));
        if spans.is_empty() {
            return None;
        }
        // The first counts, of those the longest, of those the one that is surest.
        spans.sort_by_key(|span| (span.range.start, usize::MAX - span.range.end, span.by));
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        let mut spans = spans.into_iter().peekable();
        while let Some(Span { mut range, by }) = spans.next() {
            while let Some(overlap) = spans.next_if(|next| next.range.start < range.end) {
                range.end = range.end.max(overlap.range.end);
            }
            let name = self.name(by);
            *counts.entry(name.to_owned()).or_default() += 1;
            redacted.push_str(text.get(at..range.start).unwrap_or_default());
            redacted.push_str(MARK);
            redacted.push_str(name);
            redacted.push(']');
            at = range.end;
        }
        redacted.push_str(text.get(at..).unwrap_or_default());
        Some(redacted)
    }

    fn name(&self, by: usize) -> &str {
        match Detector::ALL.get(by) {
            Some(detector) => detector.as_str(),
            None => self.own.get(by - Detector::ALL.len()).map_or("own", |own| &own.name),
        }
    }
}

fn whole_characters(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// Whether the range lies in a replacement: those are what detectors of one's own may find again.
fn is_mark(text: &str, range: &Range<usize>) -> bool {
    if range.len() > MAX_MARK {
        return false;
    }
    // A replacement is short: not all of the text is looked through for each finding.
    let near = whole_characters(text, range.end.saturating_sub(MAX_MARK)..range.end + MAX_MARK);
    let before = text.get(near.start..range.end).unwrap_or_default();
    let Some(mark) = before.rfind(MARK).map(|mark| near.start + mark) else { return false };
    let after = text.get(mark..near.end).unwrap_or_default();
    let end = after.find(']').map_or(near.end, |end| mark + end);
    mark <= range.start && range.end <= end + 1
}
