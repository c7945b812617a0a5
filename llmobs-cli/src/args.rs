//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use llmobs_cli::report::Dimension;
use llmobs_core::TraceId;

/// Reads what llmobs recorded.
#[derive(Debug, Parser)]
#[command(name = "llmobs", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) look: Look,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Counts, latencies, tokens and costs, by model and prompt version or what else is asked for.
    #[command(after_long_help = REPORT_HELP)]
    Report {
        #[command(flatten)]
        input: Input,
        /// What to group by: model, prompt, prompt_version, session, user, tag:NAME, provider,
        /// served_by, kind, error_class; several with commas between them.
        #[arg(
            long,
            value_name = "DIMENSION",
            value_delimiter = ',',
            default_value = "model,prompt_version"
        )]
        by: Vec<Dimension>,
        /// Table for people, or one JSON object for programs.
        #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
        format: ReportFormat,
    },
    /// One trace as a tree: the newest one, unless another is named.
    #[command(after_long_help = TRACE_HELP)]
    Trace {
        #[command(flatten)]
        input: Input,
        /// The trace to show, as 32 hex digits.
        #[arg(long, value_name = "ID")]
        trace_id: Option<TraceId>,
        /// Tree for people, or one JSON object for programs.
        #[arg(long, value_enum, default_value_t = TraceFormat::Tree)]
        format: TraceFormat,
    },
    /// Records from recorded HTTP exchanges, as they would have been made of live ones.
    #[command(after_long_help = DECODE_HELP)]
    Decode {
        /// Exchanges, one JSON object a line, plain or gzip; `-` is standard input, and so is no
        /// file at all.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Keep messages, tool arguments and error messages.
        #[arg(long)]
        content: bool,
        /// Read bodies in pieces of N bytes; the records are the same.
        #[arg(long, value_name = "N")]
        split: Option<NonZeroUsize>,
    },
    /// The JSON Schema of a line.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// JSON lines of schema llmobs/1; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    /// Columns to fill; the terminal's by default, 100 where there is none.
    #[arg(long, global = true, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,
    /// When to color; `auto` is on terminals, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Draw with ASCII characters only.
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Table,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    Tree,
    Json,
}

const REPORT_HELP: &str = "\
Groups:
  --by takes model (that answered, else asked for), prompt (its name), prompt_version (name@version),
  session, user, tag:NAME, provider, served_by (behind a gateway), kind (operation; steps get rows of
  their own, by kind of step, and are not in the total) and error_class. Calls of which a dimension is
  not known are one group, `–`. By model, operations other than text generation get rows of their own.

Percentiles:
  Latency and TPOT are over completed calls only: a call that was dropped or failed ended early for
  a reason that is not speed. TTFT is over every call that has one but the dropped ones. Percentiles
  are exact (nearest rank) up to 4,096 values in a group, and from a DDSketch with a relative error
  of 1 % above. Groups beyond the first 500 are counted together as `(other)`. Where a row mixes
  operations, as the total does, percentiles are of text generation (chat, text_completion) alone.

Tokens:
  Sums are over the calls that reported usage. `no usage` counts those that did not, or whose counts
  contradict themselves: they are unknown, not zero.

Costs:
  Sums are exact, one for each currency; there is none where no call has a cost. Beside each stands how
  many calls are `unpriced`: what they cost is unknown, not zero. Reading a stored answer is no such call.
  What agents, workflows and fallbacks sum up is not added: their calls are counted one by one.

Stages:
  Of each trace with steps, at every instant the time belongs to the innermost calls and steps under
  way, in equal parts where several are: what runs in parallel is not counted twice, and the stages
  add up to the trace's time. retrieval is retrieval, rerank and embedding; inference is calls and
  llm steps, but embeddings are retrieval, and moderation is guardrail; a span is a part of what is
  around it; agents, workflows, chains and the rest, and time in which nothing is under way, are other. Percentiles are over the traces that
  have the stage, shares over all time. Up to 20,000 spans are held; spans that come later than that
  after their trace, or beyond 20,000 in one trace, are left out and counted.

Fallbacks:
  Logical calls that may take several models, by which attempt answered: 1st, 2nd, 3rd or later.

Losses:
  As the recorders reported them in `meta` lines, by cause.

JSON:
  schema       `llmobs-report/1`
  by[]         the dimensions
  groups[]     key (value by dimension), model and prompt (`name@version`; both without --by only),
               operation (by model, where it is not text generation), calls, completed, failed,
               dropped, interrupted, unfinished, unknown_outcome, errors (calls by class of error),
               text_generation (how many of the calls are), ttft_ms, tpot_ms and total_latency_ms
               {count, p50, p95, p99, exact}, input_tokens and output_tokens {sum, calls},
               without_usage, inconsistent_usage, costs[] {currency, sum, calls, estimated (how many
               of the calls have estimated token counts)}, unpriced
  other        the same for the groups beyond the first 500
  total        the same over all calls
  stages       trace_ms (percentiles), sum_ms, stages[] {stage, sum_ms, ms (percentiles)}, left_out
  fallbacks[]  name, other (names beyond the first 50), calls, answered_by_1, answered_by_2,
               answered_by_3_or_later, answered_without_attempt, failed, cut_off
  lines        records, interactions, steps, evaluations, meta, unknown_kind, damaged,
               sampled {calls, of} and sampled_steps {steps, of} where a tail sampler left some out
  lost         records lost by the recorders, by cause
  A field that is absent is unknown.";

const TRACE_HELP: &str = "\
The newest trace is that of the call or step that began last. Files are read twice, once to find it
and once to collect it. Standard input and pipes are read once: the newest traces are held, up to
20,000 spans in all, and the trace is marked where older spans of it may have been let go.

A span whose parent is not in the files stands at the top and says so.

The last line says how the time divides among the stages, where the trace has steps: at every instant
it belongs to the innermost calls and steps under way, in equal parts where several are, so that the
stages add up to the trace's time. `llmobs report --help` says what is in which stage.

JSON:
  schema       `llmobs-trace/1`
  trace_id, timestamp, duration_ms, calls, steps, evaluations, duplicates, left_out, partial,
               costs[] {currency, sum, calls, estimated}, unpriced (calls without a known cost),
               stages_ms (by stage)
  spans[]      in the order of the tree: kind, place (root, child, orphan, cycle), depth, request_id,
               span_id, parent_span_id, what (operation or kind of step), name (model or step),
               prompt, outcome, error_type, attempts, attempt_details[] (sent_ms, headers_ms, status,
               error_type, provider_request_id, retry_after_ms) and retry_ms of a call that was tried
               again, offset_ms, duration_ms, ttft_ms, tpot_ms, input_tokens, output_tokens,
               inconsistent_usage, cost {total, input, output, currency,
               table, source}, totals (of agents, workflows and fallbacks, as in the record), fallback
               {attempt, span_id}, answered_by (model, of a fallback), tool_calls (names),
               more_tool_calls, evaluations[] {name, score, label, error_type} (the first 8)
  A field that is absent is unknown. Without a trace, only schema and an empty list of spans.";

const DECODE_HELP: &str = "\
Input:
  id, provider (a host or a name), method, path, status, content_type, response_headers, request and
  response (bodies as text). Other members are ignored.

Output:
  One record of schema llmobs/1 a line, in the order of the input, with its `id` as `exchange_id`.
  Times, our own ids and the number of attempts are not known of an exchange that is over, and
  absent. Lines that cannot be decoded are skipped and counted on standard error.

Exit status:
  0 when at least one exchange was decoded, 1 when none was, 2 when the arguments cannot be used.";
