//! What a step is told of itself while it runs, kept for the worker within bounds.

use serde::Serialize;

use super::documents::AsDocument;
use super::value::{Piece, prefix};
use crate::contain::contained;
use crate::record::{Agent, Memory, Retrieval, Term, Tool, Workflow};
use crate::recorder::Recorder;

/// Longest value that is written on the caller's thread, in bytes of JSON.
const WRITTEN: usize = 64 << 10;
/// Bytes of JSON the captured values of one step may have.
const HELD: usize = 256 << 10;
/// Longest value of an attribute, in bytes of JSON.
const ATTRIBUTE: usize = 1 << 10;
/// Longest name of an attribute, an id, an agent …, in bytes.
const NAME: usize = 256;
/// Attributes and arguments of one step.
const MOST: usize = 64;
/// Documents listed, and items of a stream kept.
pub(super) const LISTED: usize = 128;

/// What was said of a step, in one allocation that only steps with something to say make.
#[derive(Debug)]
pub(crate) struct Details {
    pub(super) attributes: Vec<(Term, Piece)>,
    pub(super) arguments: Vec<(Term, Piece)>,
    /// All arguments at once, in place of those.
    pub(super) written_arguments: Option<Piece>,
    pub(super) result: Option<Piece>,
    pub(super) items: Vec<Piece>,
    pub(super) retrieved: Option<u64>,
    pub(super) documents: Vec<Found>,
    pub(super) tool: Tool,
    pub(super) agent: Agent,
    pub(super) workflow: Workflow,
    pub(super) retrieval: Retrieval,
    pub(super) memory: Memory,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) query: Option<Piece>,
    /// Captured values that were left out.
    pub(super) values_cut: u64,
    /// Attributes, names and ids that were shortened or left out.
    pub(super) attributes_cut: u64,
    held: Held,
}

/// A document as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) score: Option<f64>,
    pub(super) text: Option<Piece>,
}

/// Room for payload, given back wherever the step ends up.
#[derive(Debug)]
struct Held {
    recorder: Recorder,
    bytes: usize,
    /// Those of captured values.
    content: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.recorder.queue().release_bytes(self.bytes);
    }
}

impl Details {
    pub(super) fn new(recorder: &Recorder) -> Self {
        Self {
            attributes: Vec::new(),
            arguments: Vec::new(),
            written_arguments: None,
            result: None,
            items: Vec::new(),
            retrieved: None,
            documents: Vec::new(),
            tool: Tool::default(),
            agent: Agent::default(),
            workflow: Workflow::default(),
            retrieval: Retrieval::default(),
            memory: Memory::default(),
            provider: None,
            model: None,
            query: None,
            values_cut: 0,
            attributes_cut: 0,
            held: Held { recorder: recorder.clone(), bytes: 0, content: 0 },
        }
    }

    pub(super) fn attribute<T: Serialize + ?Sized>(&mut self, key: Term, value: &T) {
        let fits = !key.is_empty() && key.len() <= NAME && self.attributes.len() < MOST;
        // Not out of the room for content: there may be none left.
        match fits.then(|| self.reserved(value, ATTRIBUTE)).flatten() {
            Some(piece) => self.attributes.push((key, piece)),
            None => self.attributes_cut += 1,
        }
    }

    pub(super) fn argument<T: Serialize + ?Sized>(&mut self, name: Term, value: &T) {
        let fits = name.len() <= NAME && self.arguments.len() < MOST;
        match fits.then(|| self.written(value, WRITTEN)).flatten() {
            Some(piece) => self.arguments.push((name, piece)),
            None => self.values_cut += 1,
        }
    }

    pub(super) fn result<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.result = self.written(value, WRITTEN);
        self.values_cut += u64::from(self.result.is_none());
    }

    pub(super) fn query(&mut self, text: &str) {
        self.query = self.written(text, WRITTEN);
        self.values_cut += u64::from(self.query.is_none());
    }

    pub(super) fn item<T: Serialize + ?Sized>(&mut self, value: &T) {
        let fits = self.items.len() < LISTED;
        match fits.then(|| self.written(value, WRITTEN)).flatten() {
            Some(piece) => self.items.push(piece),
            None => self.values_cut += 1,
        }
    }

    pub(super) fn document(&mut self, document: &dyn AsDocument, text: bool) {
        self.retrieved = Some(self.retrieved.unwrap_or(0) + 1);
        if self.documents.len() >= LISTED {
            return;
        }
        let found = contained(|| {
            let id = document.document_id().map(|id| prefix(&id, NAME).to_owned());
            let score = document.document_score().filter(|score| score.is_finite());
            (id, score)
        });
        let Some((id, score)) = found else {
            self.attributes_cut += 1;
            return;
        };
        let text = if text { self.document_text(document) } else { None };
        if id.is_some() || score.is_some() || text.is_some() {
            self.documents.push(Found { id, score, text });
        }
    }

    fn document_text(&mut self, document: &dyn AsDocument) -> Option<Piece> {
        let Some(text) = contained(|| document.document_text()) else {
            self.values_cut += 1;
            return None;
        };
        let text = text?;
        let piece = self.written(&*text, WRITTEN);
        self.values_cut += u64::from(piece.is_none());
        piece
    }

    /// A name or an id, no longer than those are.
    pub(super) fn name(&mut self, name: Term) -> String {
        let short = prefix(&name, NAME);
        if short.len() == name.len() {
            return name.into_owned();
        }
        self.attributes_cut += 1;
        short.to_owned()
    }

    /// A few sentences, as many as an attribute has room for.
    pub(super) fn description(&mut self, text: Term) -> String {
        let short = prefix(&text, ATTRIBUTE);
        if short.len() == text.len() {
            return text.into_owned();
        }
        self.attributes_cut += 1;
        short.to_owned()
    }

    /// A value that is written already: JSON, else a text.
    #[cfg(feature = "layer")]
    pub(super) fn as_written(&mut self, json: &str) -> Option<Piece> {
        let room = HELD.saturating_sub(self.held.content).min(WRITTEN);
        let kept = prefix(json, room).as_bytes().to_vec();
        let (bytes, beyond) = (kept.len(), json.len() - kept.len());
        if bytes == 0 || !self.held.recorder.queue().reserve_bytes(bytes) {
            self.values_cut += 1;
            return None;
        }
        self.held.bytes += bytes;
        self.held.content += bytes;
        Some(Piece { json: kept, beyond: beyond as u64, whole: beyond == 0 })
    }

    /// Writes a value, if there is room for it.
    fn written<T: Serialize + ?Sized>(&mut self, value: &T, limit: usize) -> Option<Piece> {
        let room = HELD.saturating_sub(self.held.content).min(limit);
        let piece = if room == 0 { None } else { self.reserved(value, room) }?;
        self.held.content += piece.json.len();
        Some(piece)
    }

    fn reserved<T: Serialize + ?Sized>(&mut self, value: &T, limit: usize) -> Option<Piece> {
        let piece = Piece::of(value, limit)?;
        let bytes = piece.json.len();
        if !self.held.recorder.queue().reserve_bytes(bytes) {
            self.held.recorder.count_missing(bytes as u64);
            return None;
        }
        self.held.bytes += bytes;
        Some(piece)
    }
}
