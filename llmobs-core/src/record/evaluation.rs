//! A judgement of a call.

use serde::{Deserialize, Serialize};

use super::{Kind, Prompt, Record, Term};
use crate::capture::Capture;
use crate::id::{RequestId, SpanId, TraceId};

/// What was found of a call: by a rule, by another model, or by a person.
///
/// The record it is in has the ids of the call that was judged, its model and its prompt.
///
/// ```
/// use llmobs_core::{Builder, Evaluated, Evaluation};
///
/// let llmobs = Builder::new().process_wide(false).start()?;
/// // Days later, by what was kept of the call: here the provider's id of the answer.
/// let call = Evaluated::response("chatcmpl-1");
/// llmobs.record(Evaluation::new("relevance").score(0.8).label("good").of(call));
/// # Ok::<(), llmobs_core::StartError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Evaluation {
    /// What was judged, such as `relevance`.
    pub name: String,
    /// How good it is, on the evaluator's own scale.
    #[serde(skip_serializing_if = "super::unknown")]
    pub score: Option<f64>,
    /// The judgement as a word, such as `pass`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why; only where the capture of output was turned on, since reasons quote answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Who judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluator: Option<String>,
    /// What the judging itself failed of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Term>,
}

/// The call, or the step, that is judged: what to keep of it where the judgement comes later.
///
/// What is not known is left out. A trace and a span id put the judgement below its span; the
/// provider's id of the answer lets a backend find the call without them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluated {
    /// W3C trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// W3C span id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// Our own id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The provider's id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// Session or conversation the call was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Term>,
    /// Model asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Exact model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// Prompt template the input was made from; the values it was filled with are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// Head sampling left the trace out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsampled: bool,
}

impl Evaluation {
    /// A judgement with this name, without a result yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how good it is. Defaults to no score; a number that is none is left out.
    #[must_use]
    pub fn score(mut self, score: f64) -> Self {
        self.score = Some(score).filter(|score| score.is_finite());
        self
    }

    /// Sets the judgement as a word. Defaults to none.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says why. It is kept only where the capture of output is on. Defaults to no explanation.
    #[must_use]
    pub fn explanation(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = Some(explanation.into());
        self
    }

    /// Names who judged. Defaults to nobody.
    #[must_use]
    pub fn evaluator(mut self, evaluator: impl Into<String>) -> Self {
        self.evaluator = Some(evaluator.into());
        self
    }

    /// The judging itself failed, of an error of this type; never a message. Defaults to no error.
    #[must_use]
    pub fn error_type(mut self, kind: impl Into<Term>) -> Self {
        self.error_type = Some(kind.into());
        self
    }

    /// The record of this judgement of `call`, for
    /// [`Recorder::record`](crate::Recorder::record).
    pub fn of(self, call: impl Into<Evaluated>) -> Record {
        let call = call.into();
        Record {
            kind: Kind::Evaluation,
            request_id: call.request_id,
            trace_id: call.trace_id,
            span_id: call.span_id,
            session_id: call.session_id,
            provider: call.provider,
            model: call.model,
            model_version: call.model_version,
            prompt: call.prompt.as_ref().map(identity),
            response_id: call.response_id,
            evaluation: Some(Box::new(self)),
            unsampled: call.unsampled,
            ..Record::default()
        }
    }

    /// Leaves out what may not be kept.
    pub(crate) fn within(&mut self, capture: Capture) {
        if !capture.has_output() {
            self.explanation = None;
        }
    }
}

impl Evaluated {
    /// The call with this id of the provider's, such as the `id` of a chat completion.
    pub fn response(id: impl Into<String>) -> Self {
        Self { response_id: Some(id.into()), ..Self::default() }
    }

    /// The call, or the step, that is this span.
    pub fn span(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id: Some(trace_id), span_id: Some(span_id), ..Self::default() }
    }
}

/// What is judged is the call or the step that the record is of.
impl From<&Record> for Evaluated {
    fn from(record: &Record) -> Self {
        Self {
            trace_id: record.trace_id,
            span_id: record.span_id,
            request_id: record.request_id,
            response_id: record.response_id.clone(),
            session_id: record.session_id.clone(),
            provider: record.provider.clone(),
            model: record.model.clone(),
            model_version: record.model_version.clone(),
            prompt: record.prompt.as_ref().map(identity),
            unsampled: record.unsampled,
        }
    }
}

/// The prompt without the values it was filled with, which are content.
pub(crate) fn identity(prompt: &Prompt) -> Prompt {
    Prompt {
        name: prompt.name.clone(),
        version: prompt.version.clone(),
        hash: prompt.hash.clone(),
        ..Prompt::default()
    }
}
