//! The worker's side: what a step said of itself, as fields of its record.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::OpenStep;
use super::details::{Details, Found};
use super::value::{Piece, prefix};
use crate::record::{
    Agent, Content, Cut, CutField, DocumentRef, Memory, Record, Retrieval, Retrieved, StepKind,
    Term, Tool, Workflow,
};

/// Bytes of one captured value's JSON that are kept.
const KEPT: usize = 16 << 10;

impl OpenStep {
    /// Drops what was captured, since content has been forbidden.
    pub(crate) fn forget_content(&mut self) {
        let Some(details) = &mut self.details else { return };
        let texts = details.documents.iter_mut().filter_map(|found| found.text.take()).count();
        let values = details.arguments.len() + details.items.len() + texts;
        details.values_cut += values as u64 + u64::from(details.result.take().is_some());
        details.values_cut += u64::from(details.query.take().is_some());
        details.arguments.clear();
        details.items.clear();
    }

    /// Writes what the step said of itself into its record.
    pub(crate) fn tell(&mut self, record: &mut Record) {
        record.items = self.items;
        let mut said = Said::default();
        if let Some(details) = self.details.take() {
            said = tell(*details, record);
        }
        let Said { tool, agent, workflow, retrieval, memory } = said;
        let or_own = |name: Option<String>| name.or_else(|| record.name.clone());
        match self.kind {
            StepKind::Tool | StepKind::Plan => {
                let around = || self.scope.group().and_then(|group| group.agent());
                let name = agent.name.clone().or_else(around);
                let agent = Agent { name, ..agent };
                record.agent = (agent != Agent::default()).then(|| Box::new(agent));
                if self.kind == StepKind::Tool {
                    let name = or_own(tool.name.clone());
                    record.tool = Some(Box::new(Tool { name, ..tool }));
                }
            }
            StepKind::Retrieval => {
                record.retrieval = (retrieval != Retrieval::default()).then(|| Box::new(retrieval));
            }
            StepKind::Memory => {
                record.memory = (memory != Memory::default()).then(|| Box::new(memory));
            }
            StepKind::Agent => {
                record.agent = Some(Box::new(Agent { name: or_own(agent.name.clone()), ..agent }));
            }
            StepKind::Workflow => {
                record.workflow = Some(Box::new(Workflow { name: or_own(workflow.name) }));
            }
            _ => {}
        }
    }
}

/// What a step said of whom it runs or where it looks.
#[derive(Debug, Default)]
struct Said {
    tool: Tool,
    agent: Agent,
    workflow: Workflow,
    retrieval: Retrieval,
    memory: Memory,
}

fn tell(details: Details, record: &mut Record) -> Said {
    let mut cuts = Cuts::default();
    let Details { attributes, arguments, result, items, .. } = details;
    let mut attributes_cut = details.attributes_cut;
    for (key, piece) in attributes {
        attributes_cut += u64::from(!piece.whole);
        record.attributes.insert(key.into_owned(), value(piece, &mut Cuts::default()));
    }
    let named = |cuts: &mut Cuts, arguments: Vec<(Term, Piece)>| {
        let named =
            arguments.into_iter().map(|(name, piece)| (name.into_owned(), value(piece, cuts)));
        Value::Object(named.collect::<Map<_, _>>())
    };
    let query = details.query.map(|piece| value(piece, &mut cuts));
    let mut content = Content { query, ..Content::default() };
    if !arguments.is_empty() {
        content.arguments = Some(named(&mut cuts, arguments));
    }
    content.result = result.map(|piece| value(piece, &mut cuts));
    if !items.is_empty() {
        let items = items.into_iter().map(|piece| value(piece, &mut cuts));
        content.result = Some(Value::Array(items.collect()));
    }
    if details.documents.iter().any(|found| found.text.is_some()) {
        let documents = details.documents.iter().map(|found| document(found, &mut cuts));
        content.documents = Some(Value::Array(documents.collect()));
    }
    if content != Content::default() {
        record.content = Some(Box::new(content));
    }
    if let Some(count) = details.retrieved {
        let documents = details.documents.into_iter();
        let documents = documents.map(|Found { id, score, .. }| DocumentRef { id, score });
        record.retrieved = Some(Box::new(Retrieved { count, documents: documents.collect() }));
    }
    let cut = Cut {
        content: cuts.field(),
        values: some(details.values_cut),
        attributes: some(attributes_cut),
        ..Cut::default()
    };
    if cut != Cut::default() {
        record.cut = Some(Box::new(cut));
    }
    (record.provider, record.model) = (details.provider.map(Into::into), details.model);
    let Details { tool, agent, workflow, retrieval, memory, .. } = details;
    Said { tool, agent, workflow, retrieval, memory }
}

fn some(count: u64) -> Option<u64> {
    Some(count).filter(|count| *count > 0)
}

/// A document with its text, in the form of the conventions.
fn document(found: &Found, cuts: &mut Cuts) -> Value {
    let mut fields = Map::new();
    if let Some(id) = &found.id {
        fields.insert("id".into(), id.as_str().into());
    }
    if let Some(score) = found.score {
        fields.insert("score".into(), score.into());
    }
    if let Some(Piece { json, beyond, whole }) = &found.text {
        let piece = Piece { json: json.clone(), beyond: *beyond, whole: *whole };
        fields.insert("content".into(), value(piece, cuts));
    }
    Value::Object(fields)
}

/// The values of one record that were shortened.
#[derive(Debug, Default)]
struct Cuts {
    count: u64,
    bytes: u64,
    missing: u64,
    sha256: Option<String>,
}

impl Cuts {
    /// Several cuts are one field; the hash is that of the only one.
    fn field(self) -> Option<CutField> {
        let Self { count, bytes, missing, sha256 } = self;
        (count > 0).then(|| CutField { bytes, missing, sha256: sha256.filter(|_| count == 1) })
    }
}

/// A value as it was written, or the beginning of its text.
fn value(piece: Piece, cuts: &mut Cuts) -> Value {
    let Piece { json, beyond, whole } = piece;
    if whole && json.len() <= KEPT {
        let text = || Value::String(String::from_utf8_lossy(&json).into_owned());
        return serde_json::from_slice(&json).unwrap_or_else(|_| text());
    }
    let text = String::from_utf8_lossy(&json);
    let kept = prefix(&text, KEPT);
    let bytes = (json.len() as u64).saturating_add(beyond);
    cuts.count += 1;
    cuts.bytes = cuts.bytes.saturating_add(bytes);
    cuts.missing = cuts.missing.saturating_add(bytes - (kept.len() as u64).min(bytes));
    cuts.sha256 = whole.then(|| sha256(&json));
    Value::String(beginning(kept))
}

/// Of a cut text what is left of it; of anything else its JSON as far as it goes.
fn beginning(json: &str) -> String {
    if !json.starts_with('"') {
        return json.to_owned();
    }
    // An escape may be cut in two; the longest is six bytes.
    let ends = (0..6).filter_map(|back| json.len().checked_sub(back));
    let whole = ends
        .filter_map(|end| json.get(..end))
        .find_map(|text| serde_json::from_str::<String>(&format!("{text}\"")).ok());
    whole.unwrap_or_else(|| json.to_owned())
}

fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
