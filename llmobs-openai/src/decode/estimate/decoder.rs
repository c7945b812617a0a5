//! The decoder that counts where the server does not.

use llmobs_core::semconv::operation;
use llmobs_core::{Capture, Decoder, Fold, Record, Route, Target, UsageSource};

use super::Meter;
use super::input::{Api, count_request};
use crate::decode::{COMPLETIONS, EMBEDDINGS, OpenAi, RESPONSES};

/// [`OpenAi`], and token counts where the server sends none; [`OpenAi::estimate`] makes it.
///
/// Counts have the source [`UsageSource::Estimated`]. Whatever the server reports goes before them, and
/// the two are never mixed: where it reports the output alone, the input stays unknown.
///
/// - *Input* is the request's text, its messages' frames and its tools, as OpenAI documents them. It is
///   absent where the request holds more than text (images, audio, files, tools that the server
///   brings, a stored conversation), and for a call that failed before it said anything.
/// - *Output* is the text that was seen: of all choices, with reasoning, refusals and the names and
///   arguments of called tools, and no further than a stream came. Reasoning that is not sent is not in
///   it. It is absent where nothing was seen, or audio or images were.
///
/// Vocabularies are those of OpenAI: `cl100k_base` for GPT-4, GPT-3.5 and embeddings, `o200k_base` for
/// everything newer. Models of other makers are counted with `o200k_base` too, which is an
/// approximation.
///
/// All of it happens on the recorder's thread. A vocabulary is loaded when the first text is counted
/// with it, and stays in memory. Of a text being generated the last words, at most 4 KiB, wait in memory
/// for the piece that goes on with them, at most 64 KiB an answer, whatever the capture policy; they
/// enter no record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate(OpenAi);

impl OpenAi {
    /// Counts tokens where the server sends none.
    pub fn estimate(self) -> Estimate {
        Estimate(self)
    }
}

impl Decoder for Estimate {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        self.0.route(target)
    }

    fn wants(&self, name: &str) -> bool {
        self.0.wants(name)
    }

    fn request(&self, route: &Route, body: &[u8], capture: Capture, record: &mut Record) {
        self.0.request(route, body, capture, record);
        if route.operation == operation::FETCH_RESPONSE {
            return;
        }
        let api = match route.api {
            RESPONSES => Api::Responses,
            COMPLETIONS => Api::Completions,
            EMBEDDINGS => Api::Embeddings,
            _ => Api::Chat,
        };
        record.input_tokens = count_request(api, body);
        if record.input_tokens.is_some() {
            record.usage.get_or_insert_default().source = Some(UsageSource::Estimated);
        }
    }

    fn fold(&self, route: &Route, record: &Record, capture: Capture) -> Box<dyn Fold> {
        // What a stored response took was counted when it was made.
        let meter = match route.operation {
            operation::FETCH_RESPONSE => Meter::default(),
            _ => Meter::on(route.api == RESPONSES, record),
        };
        crate::decode::fold(route, record, capture, meter)
    }
}
