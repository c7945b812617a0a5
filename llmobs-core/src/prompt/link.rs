//! From the texts of a request to the prompt it was made from, on the worker.

use std::sync::Arc;

use super::renderings::Rendering;
use crate::call::CallShared;
use crate::decoder::{Text, Turn};
use crate::record::{CutField, Prompt, Record};
use crate::recorder::Recorder;
use crate::scope::Scope;

/// Prompts of one request that are listed; whoever has more is testing us.
const MAX_PROMPTS: usize = 32;

/// A prompt that was found in a request.
struct Found {
    rendering: Arc<Rendering>,
    rank: Rank,
}

/// Which of the prompts of a request it is about: the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    turn: Turn,
    same_trace: bool,
    number: u64,
}

/// Finds the templates that texts of a request were rendered from.
///
/// The prompt of a record is what the scope says, else that of the latest turn, else that of the
/// instructions; among several the one rendered in the call's own trace, then the newest. What was
/// found beside it, earlier turns included, is listed.
pub(crate) fn link(call: &CallShared, body: &[u8], record: &mut Record) {
    let renderings = &call.recorder.shared().renderings;
    if renderings.is_empty() {
        return;
    }
    let trace = Some(call.span.identity.trace_id);
    let mut all: Vec<Found> = Vec::new();
    call.decoder.texts(&call.route, body, &mut |Text { text, turn }| {
        let Some((rendering, same_trace)) = renderings.find(text, trace) else { return };
        let rank = Rank { turn, same_trace, number: rendering.number };
        let room = all.len() < MAX_PROMPTS;
        let found = Found { rendering, rank };
        match all.iter_mut().find(|known| known.identity() == found.identity()) {
            Some(known) if known.rank < rank => *known = found,
            Some(_) => {}
            None if room => all.push(found),
            None => {}
        }
    });
    let named = call.attributes.as_ref().and_then(|attributes| attributes.prompt.as_ref());
    let primary = match record.prompt.as_ref().or(named) {
        // Whoever names the prompt has not seen its hash.
        Some(named) => all.iter().find(|found| found.is(named)),
        None => all
            .iter()
            .filter(|found| found.rank.turn != Turn::Earlier)
            .max_by_key(|found| found.rank),
    };
    if let Some(found) = primary {
        let prompt = found.rendering.rendered.source.prompt();
        record.prompt = Some(with_values(prompt, &found.rendering, call, record));
    }
    let alone = |found: &Found| record.prompt.as_ref().is_some_and(|prompt| found.is(prompt));
    if !all.iter().all(alone) {
        record.prompts = all.iter().map(|found| found.rendering.rendered.source.prompt()).collect();
    }
}

impl Found {
    fn identity(&self) -> (&str, &str, &str) {
        self.rendering.rendered.source.identity()
    }

    fn is(&self, prompt: &Prompt) -> bool {
        let (name, version, hash) = self.identity();
        prompt.name == name
            && prompt.version.as_deref() == Some(version)
            && prompt.hash.as_deref().is_none_or(|known| known == hash)
    }
}

fn with_values(
    mut prompt: Prompt,
    rendering: &Rendering,
    call: &CallShared,
    record: &mut Record,
) -> Prompt {
    // It may have been turned off since.
    if !call.capture().has_input() {
        return prompt;
    }
    let values = &rendering.rendered.values;
    prompt.variables.clone_from(&values.kept);
    if values.missing > 0 {
        let cut = CutField { bytes: values.bytes, missing: values.missing, sha256: None };
        record.cut.get_or_insert_default().prompt_variables = Some(cut);
    }
    prompt
}

/// The identity of the template a text was rendered from, where it is known.
pub(crate) fn identity_of(scope: &Scope, text: &str) -> Option<Prompt> {
    let recorder = scope.recorder_ref().cloned().or_else(Recorder::current)?;
    let trace = scope.span().map(|span| span.identity.trace_id);
    let (rendering, _) = recorder.shared().renderings.find(text, trace)?;
    Some(rendering.rendered.source.prompt())
}
