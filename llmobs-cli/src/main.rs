//! The `llmobs` command line.

mod args;
mod schema;

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use llmobs_cli::Style;
use llmobs_cli::decode::Decode;
use llmobs_cli::input::{Damaged, InputError, Source};
use llmobs_cli::report::Report;
use llmobs_cli::trace::{Collector, Newest, Trace};
use llmobs_core::{Record, SCHEMA, TraceId};

use self::args::{Cli, Color, Command, Look, ReportFormat, TraceFormat};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // Help that nobody reads on is no failure.
            let _ = err.print();
            return ExitCode::from(err.exit_code().try_into().unwrap_or(2));
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(err) => {
            complain(&message(&*err));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    let style = style(&cli.look);
    let text = match cli.command {
        Command::Report { input, by, format } => {
            report(&sources(input.files)?, Report::by(by), format, &style)?
        }
        Command::Trace { input, trace_id, format } => {
            trace(&sources(input.files)?, trace_id, format, &style)?
        }
        Command::Decode { files, content, split } => {
            let files = if files.is_empty() { vec!["-".into()] } else { files };
            return decode(&sources(files)?, Decode::new(content, split));
        }
        Command::Schema => schema::text(),
    };
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

fn written(result: io::Result<()>) -> Result<(), Box<dyn Error>> {
    match result {
        // Whoever reads us has read enough.
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|err| format!("the output cannot be written: {err}").into()),
    }
}

fn decode(sources: &[Source], mut decode: Decode) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut damaged = Damaged::default();
    let mut result = Ok(());
    for source in sources {
        match decode.run(source, &mut damaged, &mut out) {
            Ok(Ok(())) => {}
            Ok(failed) => {
                result = failed;
                break;
            }
            Err(err) => complain(&message(&err)),
        }
    }
    tell(&damaged, false);
    written(result.and_then(|()| out.flush()))?;
    // What a failed write left behind would be written again, in vain.
    let _ = out.into_parts();
    if decode.decoded() > 0 {
        return Ok(ExitCode::SUCCESS);
    }
    complain("no exchange was decoded");
    Ok(ExitCode::FAILURE)
}

fn sources(names: Vec<std::path::PathBuf>) -> Result<Vec<Source>, Box<dyn Error>> {
    let sources: Vec<Source> = names.into_iter().map(Source::named).collect();
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        return Err("standard input can be read only once".into());
    }
    for source in &sources {
        source.check()?;
    }
    Ok(sources)
}

fn report(
    sources: &[Source],
    mut report: Report,
    format: ReportFormat,
    style: &Style,
) -> Result<String, InputError> {
    let (damaged, other_schema) = read(sources, |record| report.add(record))?;
    report.add_damaged(damaged.count());
    tell(&damaged, other_schema);
    Ok(match format {
        ReportFormat::Table => report.table(style),
        ReportFormat::Json => report.json(),
    })
}

fn trace(
    sources: &[Source],
    id: Option<TraceId>,
    format: TraceFormat,
    style: &Style,
) -> Result<String, InputError> {
    let mut records = 0_u64;
    let mut newest = Newest::default();
    let mut collector = id.map_or_else(Collector::newest, Collector::of);
    let twice = id.is_none() && sources.iter().all(Source::is_rereadable);
    let (damaged, other_schema) = read(sources, |record| {
        records += 1;
        if twice { newest.add(record) } else { collector.add(record) }
    })?;
    if let Some(id) = newest.id() {
        collector = Collector::of(id);
        // The same lines are damaged as before.
        read(sources, |record| collector.add(record))?;
    }
    tell(&damaged, other_schema);
    let found: Option<Trace> = collector.trace();
    Ok(match (found, format) {
        (Some(trace), TraceFormat::Tree) => trace.tree(style),
        (Some(trace), TraceFormat::Json) => trace.json(),
        (None, TraceFormat::Json) => {
            "{\n  \"schema\": \"llmobs-trace/1\",\n  \"spans\": []\n}\n".to_owned()
        }
        (None, TraceFormat::Tree) => match id {
            Some(id) => format!("no trace {id} in {records} records\n"),
            None => format!("no trace in {records} records\n"),
        },
    })
}

/// Reads all sources; tells what was damaged, and whether a schema was unknown.
fn read(sources: &[Source], mut each: impl FnMut(&Record)) -> Result<(Damaged, bool), InputError> {
    let mut damaged = Damaged::default();
    let mut other_schema = false;
    for source in sources {
        source.read(&mut damaged, |record| {
            other_schema |= record.meta.as_ref().is_some_and(|meta| is_other(&meta.schema));
            each(record);
        })?;
    }
    Ok((damaged, other_schema))
}

/// Whether a file was written to another schema than this version knows.
fn is_other(schema: &str) -> bool {
    !schema.is_empty() && schema != SCHEMA
}

fn tell(damaged: &Damaged, other_schema: bool) {
    if other_schema {
        complain(&format!("some lines follow another schema than {SCHEMA}: read as far as known"));
    }
    if damaged.count() > 0 {
        complain(&damaged.to_string());
    }
}

/// `eprintln!` would panic where standard error is closed.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "llmobs: {message}");
}

fn message(err: &dyn Error) -> String {
    let mut message = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        message += &format!(": {err}");
        source = err.source();
    }
    message
}

fn style(look: &Look) -> Style {
    let style = Style::stdout().ascii(look.ascii);
    let style = match look.color {
        Color::Always => style.color(true),
        Color::Never => style.color(false),
        Color::Auto => style,
    };
    match look.width {
        Some(width) => style.width(width.into()),
        None => style,
    }
}
