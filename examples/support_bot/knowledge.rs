//! What the shop has written down.

use std::borrow::Cow;
use std::time::Duration;

use llmobs::{AsDocument, trace_llm};

const PASSAGES: [(&str, &str); 4] = [
    ("returns-1", "You can return an order within 30 days of its arrival, late or not."),
    ("returns-2", "What comes back unworn is paid back in full, what was worn by half."),
    ("shipping-1", "Parcels leave on weekdays before noon."),
    ("care-1", "Leather wants wax twice a year. Suede must never meet water."),
];

/// A passage, and how well it fits a question.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
    pub(crate) score: f64,
}

impl AsDocument for Passage {
    fn document_id(&self) -> Option<Cow<'_, str>> {
        Some(self.id.into())
    }

    fn document_score(&self) -> Option<f64> {
        Some(self.score)
    }

    fn document_text(&self) -> Option<Cow<'_, str>> {
        Some(self.text.into())
    }
}

/// The passages that share most words with the question.
#[trace_llm(kind = "retriever", name = "kb.search", fields(kb.top_k = limit))]
pub(crate) async fn search(question: &str, limit: usize) -> Vec<Passage> {
    // An index takes a moment.
    tokio::time::sleep(Duration::from_millis(15)).await;
    let asked = words(question);
    let mut found = PASSAGES.map(|(id, text)| {
        let shared = words(text).iter().filter(|word| asked.contains(word)).count();
        Passage { id, text, score: shared as f64 / asked.len().max(1) as f64 }
    });
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.into_iter().take(limit).collect()
}

/// Keeps what shares a rare word with the question, however few words it shares.
#[trace_llm(kind = "reranker")]
pub(crate) fn rerank(question: &str, mut passages: Vec<Passage>) -> Vec<Passage> {
    let rare: Vec<String> = words(question).into_iter().filter(|word| word.len() > 4).collect();
    for passage in &mut passages {
        let shared = words(passage.text).iter().filter(|word| rare.contains(word)).count();
        passage.score += shared as f64;
    }
    passages.sort_by(|a, b| b.score.total_cmp(&a.score));
    passages.truncate(2);
    passages
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
    words.map(str::to_lowercase).collect()
}
