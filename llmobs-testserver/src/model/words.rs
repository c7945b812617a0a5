//! Just enough language to find a sentence.

/// Words that say nothing about what a text is about.
const STOP: [&str; 52] = [
    "about", "and", "any", "are", "but", "can", "could", "did", "does", "for", "from", "had",
    "has", "have", "her", "his", "how", "into", "its", "know", "long", "many", "may", "much",
    "not", "our", "please", "say", "shall", "she", "should", "tell", "that", "the", "their",
    "them", "then", "there", "they", "this", "was", "were", "what", "when", "where", "which",
    "who", "why", "will", "with", "would", "you",
];

/// The first five letters, lower case: near enough for "order", "orders" and "ordered".
pub(super) fn stem(word: &str) -> String {
    word.chars().take(5).flat_map(char::to_lowercase).collect()
}

/// The stems of the words that carry meaning, each once.
pub(super) fn stems(text: &str) -> Vec<String> {
    let mut stems: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 3)
        .filter(|word| !STOP.contains(&word.to_lowercase().as_str()))
        .map(stem)
        .collect();
    stems.sort();
    stems.dedup();
    stems
}

/// The sentences of a text, without the marks of lists and citations before them.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    text.lines().flat_map(split_line).map(unmarked).filter(|text| !text.is_empty()).collect()
}

fn split_line(line: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut rest = line;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(['.', '!', '?'])) {
        let (sentence, tail) = rest.split_at(from + at + 1);
        // "1. First" is one sentence, and so is "3.5".
        let is_number = sentence.trim().trim_end_matches('.').chars().all(|c| c.is_ascii_digit());
        if (tail.is_empty() || tail.starts_with(char::is_whitespace)) && !is_number {
            sentences.push(sentence);
            rest = tail;
            from = 0;
        } else {
            from += at + 1;
        }
    }
    sentences.push(rest);
    sentences
}

fn unmarked(sentence: &str) -> &str {
    let mut text = sentence.trim().trim_start_matches(['-', '*', '#', '>', '•']).trim_start();
    if let Some((_, after)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        text = after.trim_start();
    }
    text.strip_prefix("Question:").unwrap_or(text).trim()
}

/// The sentence that shares most stems with the question, if it shares a third of them.
pub(super) fn best_sentence<'a>(
    question: &str,
    sentences: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = stems(question);
    let mut best = None;
    let mut most = wanted.len().div_ceil(3).max(1) - 1;
    for sentence in sentences {
        let found = stems(sentence).iter().filter(|stem| wanted.contains(stem)).count();
        if found > most {
            most = found;
            best = Some(sentence);
        }
    }
    best
}
