//! Token counts, by whichever names they are sent.

use llmobs_core::{Cost, Record, Usage, UsageSource};

use super::cost::CostSent;
use super::json::{Maybe, Raw, count, has_members, member, number, object};
use super::timing::Timing;

object! {
    struct Sent<'a> {
        prompt_tokens: Raw<'a> = "prompt_tokens",
        input_tokens: Raw<'a> = "input_tokens",
        completion_tokens: Raw<'a> = "completion_tokens",
        output_tokens: Raw<'a> = "output_tokens",
        total_tokens: Raw<'a> = "total_tokens",
        prompt_details: Maybe<Details<'a>> = "prompt_tokens_details",
        input_details: Maybe<Details<'a>> = "input_tokens_details",
        completion_details: Maybe<Details<'a>> = "completion_tokens_details",
        output_details: Maybe<Details<'a>> = "output_tokens_details",
        input_detail: Maybe<Details<'a>> = "input_token_details",
        output_detail: Maybe<Details<'a>> = "output_token_details",
        seconds: Raw<'a> = "seconds",
        cache_read_input_tokens: Raw<'a> = "cache_read_input_tokens",
        prompt_cache_hit_tokens: Raw<'a> = "prompt_cache_hit_tokens",
        cached_tokens: Raw<'a> = "cached_tokens",
        num_cached_tokens: Raw<'a> = "num_cached_tokens",
        cache_creation_input_tokens: Raw<'a> = "cache_creation_input_tokens",
        reasoning_tokens: Raw<'a> = "reasoning_tokens",
        queue_time: Raw<'a> = "queue_time",
        prompt_time: Raw<'a> = "prompt_time",
        completion_time: Raw<'a> = "completion_time",
        total_time: Raw<'a> = "total_time",
        cost: Raw<'a> = "cost",
        cost_details: Raw<'a> = "cost_details",
        is_byok: Raw<'a> = "is_byok",
        cost_in_usd_ticks: Raw<'a> = "cost_in_usd_ticks",
        pydantic_ai_gateway: Raw<'a> = "pydantic_ai_gateway",
    }
}

object! {
    struct Details<'a> {
        cached_tokens: Raw<'a> = "cached_tokens",
        cache_write_tokens: Raw<'a> = "cache_write_tokens",
        reasoning_tokens: Raw<'a> = "reasoning_tokens",
        audio_tokens: Raw<'a> = "audio_tokens",
        image_tokens: Raw<'a> = "image_tokens",
        text_tokens: Raw<'a> = "text_tokens",
    }
}

/// Where in an answer a usage object stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In an event without choices, or in a body: it closes the whole answer.
    Whole,
    /// In an event that ends a choice.
    Finish,
    /// In any other event.
    Running,
    /// In a choice.
    Choice,
}

/// The last usage of an answer. Usages are never added up: some servers send growing ones.
#[derive(Debug, Default)]
pub(super) struct UsageFold {
    // Few events bring one, most answers only the last.
    last: Option<Box<Counts>>,
    wholes: u32,
    finishes: u32,
    choices: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    usage: Usage,
    cost: Option<Cost>,
}

impl UsageFold {
    /// Takes a usage object; an empty one is none.
    pub(super) fn take(&mut self, raw: Raw<'_>, place: Place, timing: &mut Timing) {
        if !has_members(raw) {
            return;
        }
        let Some(sent) = member::<Sent<'_>>(raw) else { return };
        match place {
            Place::Whole => self.wholes += 1,
            Place::Finish => self.finishes += 1,
            Place::Choice => self.choices += 1,
            Place::Running => {}
        }
        timing.seconds("queue_ms", number(sent.queue_time));
        timing.seconds("prompt_ms", number(sent.prompt_time));
        timing.seconds("completion_ms", number(sent.completion_time));
        timing.seconds("total_ms", number(sent.total_time));
        **self.last.get_or_insert_default() = sent.counts();
    }

    /// Writes the counts; `choices` is how many the answer has.
    pub(super) fn finish(self, choices: usize, record: &mut Record) {
        let Some(counts) = self.last else { return };
        let Counts { input, output, mut usage, cost } = *counts;
        // One usage per choice says what the last choice took, not what the answer did. A server
        // that then closes with one for the whole is believed.
        let per_choice = self.choices > 1 || (self.wholes == 0 && self.finishes > 1);
        let partial = choices > 1 && (self.wholes > 1 || per_choice);
        if let Some(cost) = cost.filter(|_| !partial) {
            // A bill stands even where the counts beside it contradict each other.
            record.cost = Some(Box::new(cost));
        }
        usage.inconsistent = partial || contradicts(input, output, &usage);
        usage.source = Some(UsageSource::Reported);
        record.input_tokens = input;
        record.output_tokens = output;
        record.usage = Some(usage);
    }
}

impl Sent<'_> {
    fn counts(&self) -> Counts {
        let inputs = [&self.prompt_details, &self.input_details, &self.input_detail];
        let outputs = [&self.completion_details, &self.output_details, &self.output_detail];
        let detail = |of: [&Maybe<Details<'_>>; 3], pick: for<'d> fn(&Details<'d>) -> Raw<'d>| {
            of.into_iter().find_map(|details| count(pick(details.0.as_ref()?)))
        };
        let first = |of: &[Raw<'_>]| of.iter().find_map(|raw| count(*raw));
        Counts {
            input: first(&[self.prompt_tokens, self.input_tokens]),
            output: first(&[self.completion_tokens, self.output_tokens]),
            cost: CostSent {
                cost: self.cost,
                details: self.cost_details,
                own_key: self.is_byok,
                ticks: self.cost_in_usd_ticks,
                gateway: self.pydantic_ai_gateway,
            }
            .read(),
            usage: Usage {
                total_tokens: count(self.total_tokens),
                cache_read_tokens: detail(inputs, |details| details.cached_tokens).or_else(|| {
                    first(&[
                        self.cache_read_input_tokens,
                        self.prompt_cache_hit_tokens,
                        self.cached_tokens,
                        self.num_cached_tokens,
                    ])
                }),
                cache_write_tokens: detail(inputs, |details| details.cache_write_tokens)
                    .or_else(|| count(self.cache_creation_input_tokens)),
                reasoning_tokens: detail(outputs, |details| details.reasoning_tokens)
                    .or_else(|| count(self.reasoning_tokens)),
                audio_input_tokens: detail(inputs, |details| details.audio_tokens),
                audio_output_tokens: detail(outputs, |details| details.audio_tokens),
                image_input_tokens: detail(inputs, |details| details.image_tokens),
                image_output_tokens: detail(outputs, |details| details.image_tokens),
                text_input_tokens: detail(inputs, |details| details.text_tokens),
                text_output_tokens: detail(outputs, |details| details.text_tokens),
                audio_seconds: number(self.seconds).filter(|seconds| *seconds >= 0.0),
                ..Usage::default()
            },
        }
    }
}

/// Whether no way of counting makes these numbers true together.
fn contradicts(input: Option<u64>, output: Option<u64>, usage: &Usage) -> bool {
    let over = |part: Option<u64>, whole: Option<u64>| {
        part.zip(whole).is_some_and(|(part, whole)| part > whole)
    };
    let sum = input.zip(output).map(|(input, output)| input.saturating_add(output));
    // Some count reasoning beside the output; their totals say so.
    let beside = sum.zip(usage.reasoning_tokens).map(|(sum, more)| sum.saturating_add(more));
    let reasoning =
        over(usage.reasoning_tokens, output) && (beside.is_none() || beside != usage.total_tokens);
    reasoning
        || over(usage.cache_read_tokens, input)
        || over(usage.audio_input_tokens, input)
        || over(usage.audio_output_tokens, output)
        || over(usage.image_input_tokens, input)
        || over(usage.image_output_tokens, output)
        || over(sum, usage.total_tokens)
}
