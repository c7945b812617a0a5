//! Where a trace's time went, by the stage of the application.
//!
//! At every instant the time belongs to the innermost spans under way, in equal parts where several
//! are: what runs in parallel is not counted twice, and the stages add up to the trace's time. Time
//! in which none is under way is `other`.

use llmobs_core::semconv::operation;
use llmobs_core::{Kind, Record, StepKind};

use crate::text::decimal;
use crate::tree::{Link, Tree};

/// What a span does for the application, in the order of a usual request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    Router,
    Prompt,
    Retrieval,
    Inference,
    Tools,
    Postprocess,
    Guardrail,
    #[default]
    Other,
}

impl Stage {
    pub(crate) const COUNT: usize = 8;
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Router,
        Self::Prompt,
        Self::Retrieval,
        Self::Inference,
        Self::Tools,
        Self::Postprocess,
        Self::Guardrail,
        Self::Other,
    ];

    /// The stage of a call or a step; `None` for a part of whatever is around it.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        if record.kind == Kind::Interaction {
            return Some(match record.operation.as_deref() {
                Some(operation::EMBEDDINGS) => Self::Retrieval,
                Some(operation::MODERATION) => Self::Guardrail,
                _ => Self::Inference,
            });
        }
        Some(match record.step {
            // A query below a tool, the model server's own spans below a call.
            Some(StepKind::Span) => return None,
            Some(StepKind::Router) => Self::Router,
            Some(StepKind::Prompt) => Self::Prompt,
            Some(StepKind::Retrieval | StepKind::Rerank | StepKind::Embedding) => Self::Retrieval,
            Some(StepKind::Llm) => Self::Inference,
            Some(StepKind::Tool) => Self::Tools,
            Some(StepKind::Postprocess) => Self::Postprocess,
            Some(StepKind::Guardrail) => Self::Guardrail,
            _ => Self::Other,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Prompt => "prompt",
            Self::Retrieval => "retrieval",
            Self::Inference => "inference",
            Self::Tools => "tools",
            Self::Postprocess => "postprocess",
            Self::Guardrail => "guardrail",
            Self::Other => "other",
        }
    }
}

/// A span's place in the tree and in time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timed {
    pub(crate) link: Link,
    pub(crate) duration_ms: Option<f64>,
    /// `None` for that of the parent.
    pub(crate) stage: Option<Stage>,
}

/// A trace's time by stage, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Split {
    /// First beginning to last end: the sum of the stages.
    pub(crate) whole: f64,
    by_stage: [Option<f64>; Stage::COUNT],
}

impl Split {
    /// The stages that the trace has, in their order.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (Stage, f64)> {
        Stage::ALL.into_iter().zip(self.by_stage).filter_map(|(stage, ms)| Some((stage, ms?)))
    }

    fn add(&mut self, stage: Stage, ms: f64) {
        if let Some(sum) = self.by_stage.get_mut(stage as usize) {
            *sum = Some(sum.unwrap_or(0.0) + ms);
        }
    }
}

/// A part of the whole; what would round to nothing is said to be less than the least.
pub(crate) fn percent(ms: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { ms / whole * 100.0 } else { 0.0 };
    match percent {
        percent if ms > 0.0 && percent < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{} %", decimal(percent, 1)),
    }
}

/// From, to.
type Interval = (f64, f64);

/// The split of one trace; `None` when no span has a time.
pub(crate) fn split(spans: &[Timed]) -> Option<Split> {
    let start = spans.iter().filter_map(|span| span.link.start).min()?;
    let tree = Tree::new(&spans.iter().map(|span| span.link).collect::<Vec<_>>());
    let mut split = Split::default();
    let mut sweep = Sweep::default();
    let mut ancestors: Vec<usize> = Vec::new();
    let mut own: Vec<Option<Interval>> = Vec::with_capacity(tree.0.len());
    for (at, node) in tree.0.iter().enumerate() {
        let Some(span) = spans.get(node.span) else { continue };
        ancestors.truncate(node.depth);
        let parent = ancestors.last().copied();
        let around = || Some(sweep.spans.get(parent?)?.stage);
        let stage = span.stage.or_else(around).unwrap_or_default();
        sweep.spans.push(Under { parent, stage, ..Under::default() });
        ancestors.push(at);
        let interval = span.link.start.map(|begin| {
            let begin = begin.millis_since(start);
            // Neither NaN nor infinite: nothing could be divided by it.
            (begin, begin + span.duration_ms.unwrap_or(0.0).clamp(0.0, 1e15))
        });
        own.push(interval);
        if stage != Stage::Other {
            split.add(stage, 0.0);
        }
    }
    for (stage, ms) in sweep.run(&own) {
        split.whole += ms;
        split.add(stage, ms);
    }
    Some(split)
}

/// Goes over the trace from its first beginning to its last end.
#[derive(Default)]
struct Sweep {
    spans: Vec<Under>,
    /// Innermost spans under way, by stage.
    innermost: [u32; Stage::COUNT],
}

/// A span while time goes over it.
#[derive(Default)]
struct Under {
    parent: Option<usize>,
    stage: Stage,
    under_way: bool,
    /// Children of which something is under way, be it only a stream that outlived its step.
    covered: u32,
}

#[derive(Clone, Copy)]
enum Change {
    Own(usize, bool),
    Below(usize, bool),
}

impl Sweep {
    fn run(mut self, own: &[Option<Interval>]) -> Vec<(Stage, f64)> {
        let mut changes = self.changes(own);
        // Stable: of what happens at one time, a span's beginning stays before its end.
        changes.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut sums = [0.0; Stage::COUNT];
        let mut now = 0.0;
        for (time, change) in changes {
            let passed = time - now;
            if passed > 0.0 {
                self.pass(passed, &mut sums);
                now = time;
            }
            self.apply(change);
        }
        // To the millionth: what lies below is noise of the arithmetic.
        let rounded = sums.map(|ms: f64| (ms * 1e6).round() / 1e6);
        Stage::ALL.into_iter().zip(rounded).filter(|(_, ms)| *ms > 0.0).collect()
    }

    fn changes(&self, own: &[Option<Interval>]) -> Vec<(f64, Change)> {
        let mut changes = Vec::with_capacity(own.len() * 4);
        let mut whole = own.to_vec();
        // Children stand behind their parents.
        for at in (0..own.len()).rev() {
            let Some(span) = self.spans.get(at) else { continue };
            if let Some((begin, end)) = own.get(at).copied().flatten() {
                changes.push((begin, Change::Own(at, true)));
                changes.push((end, Change::Own(at, false)));
            }
            let (Some((begin, end)), Some(parent)) =
                (whole.get(at).copied().flatten(), span.parent)
            else {
                continue;
            };
            changes.push((begin, Change::Below(parent, true)));
            changes.push((end, Change::Below(parent, false)));
            if let Some(above) = whole.get_mut(parent) {
                *above = Some(match *above {
                    Some((first, last)) => (first.min(begin), last.max(end)),
                    None => (begin, end),
                });
            }
        }
        changes
    }

    fn apply(&mut self, change: Change) {
        let (Change::Own(at, _) | Change::Below(at, _)) = change;
        let Some(span) = self.spans.get_mut(at) else { return };
        let before = span.is_innermost();
        match change {
            Change::Own(_, begins) => span.under_way = begins,
            Change::Below(_, true) => span.covered += 1,
            Change::Below(_, false) => span.covered = span.covered.saturating_sub(1),
        }
        let Some(innermost) = self.innermost.get_mut(span.stage as usize) else { return };
        match (before, span.is_innermost()) {
            (false, true) => *innermost += 1,
            (true, false) => *innermost = innermost.saturating_sub(1),
            _ => {}
        }
    }

    fn pass(&self, ms: f64, sums: &mut [f64; Stage::COUNT]) {
        let all: u32 = self.innermost.iter().sum();
        if all == 0 {
            if let Some(other) = sums.get_mut(Stage::Other as usize) {
                *other += ms;
            }
            return;
        }
        for (sum, spans) in sums.iter_mut().zip(self.innermost) {
            *sum += ms * f64::from(spans) / f64::from(all);
        }
    }
}

impl Under {
    fn is_innermost(&self) -> bool {
        self.under_way && self.covered == 0
    }
}
