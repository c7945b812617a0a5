//! Tokenizers, and counting with them piece by piece.

use bpe_openai::Tokenizer;

/// Longest text that is looked at at once, in bytes: what is counted of a text that has no end of a word
/// takes time linear in its length.
const WINDOW: usize = 4096;

/// A vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Of GPT-4, GPT-3.5 and the embeddings.
    Cl100k,
    /// Of all newer models of OpenAI, and the stand-in for everybody else's.
    O200k,
}

impl Encoding {
    fn tokenizer(self) -> &'static Tokenizer {
        match self {
            Self::Cl100k => bpe_openai::cl100k_base(),
            Self::O200k => bpe_openai::o200k_base(),
        }
    }

    /// Tokens of a text.
    pub(super) fn count(self, text: &str) -> u64 {
        let mut counter = Counter::default();
        counter.push(self, text);
        counter.total(self)
    }
}

/// Tokens of a text that comes in pieces. Holds back its last words, which may go on.
#[derive(Default)]
pub(super) struct Counter {
    counted: u64,
    seen: usize,
    waiting: String,
}

impl Counter {
    /// Length of the text so far, in bytes.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Length of what is held back, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, encoding: Encoding, mut piece: &str) {
        self.seen += piece.len();
        while !piece.is_empty() {
            let room = WINDOW.saturating_sub(self.waiting.len());
            let fits = (0..=room.min(piece.len())).rev().find(|at| piece.is_char_boundary(*at));
            let (now, later) = piece.split_at(fits.unwrap_or(0));
            self.waiting.push_str(now);
            piece = later;
            if !piece.is_empty() {
                self.advance(encoding);
            }
        }
    }

    /// Counts what the text's next piece cannot change.
    fn advance(&mut self, encoding: Encoding) {
        let tokenizer = encoding.tokenizer();
        let count = |word: &str| tokenizer.bpe.count(word.as_bytes()) as u64;
        let (mut first, mut second) = ("", "");
        let (mut counted, mut end) = (0, 0);
        // The last word may go on, and the space before it depends on that.
        for word in tokenizer.split(&self.waiting) {
            counted += count(first);
            end += first.len();
            (first, second) = (second, word);
        }
        if end < WINDOW / 2 {
            counted += count(first) + count(second);
            end = self.waiting.len();
        }
        self.counted += counted;
        self.waiting.drain(..end);
    }

    /// Counts what was held back.
    pub(super) fn settle(&mut self, encoding: Encoding) {
        if !self.waiting.is_empty() {
            self.counted += encoding.tokenizer().count(self.waiting.as_str()) as u64;
            self.waiting = String::new();
        }
    }

    /// Tokens of the whole text.
    pub(super) fn total(&mut self, encoding: Encoding) -> u64 {
        self.settle(encoding);
        self.counted
    }
}
