//! Every way in which a call can end, for each API, streamed and not: one record each, and what it
//! says. `cargo test outcomes -- --nocapture` prints the table.

mod apis;
mod case;
mod leaving;
mod play;
mod readers;
mod servers;

use std::fmt::Write;

use llmobs::{ErrorClass, Record};

use self::apis::{Api, Mode, TOKENS};
use self::case::{Case, Cell};
use self::play::played;

/// Cells that are played, and those that do not exist.
const PLAYED: usize = 164;
const ABSENT: usize = 40;

#[tokio::test]
async fn each_way_to_end_is_told_once_and_for_what_it_is() {
    let (mut n_played, mut n_absent) = (0, 0);
    let mut table = String::new();
    for way in servers::WAYS.iter().chain(leaving::WAYS) {
        writeln!(table, "{}", way.name).expect("a string takes all");
        for api in Api::ALL {
            for mode in [Mode::Streamed, Mode::Whole] {
                let mut case = match (way.cell)(api, mode) {
                    Cell::Case(case) => case,
                    Cell::Absent(why) => {
                        n_absent += 1;
                        row(&mut table, api, mode, &format!("(none: {why})"));
                        continue;
                    }
                };
                n_played += 1;
                let records = played(&mut case, api, mode).await;
                let name = format!("{}, {}, {mode}", way.name, api.name());
                assert_eq!(records.len(), 1, "{name}: one call, one record");
                let record = &records[0];
                check(record, &case, api, mode, &name);
                row(&mut table, api, mode, &told(record));
            }
        }
    }
    println!("{table}{n_played} cells played, {n_absent} do not exist");
    assert_eq!((n_played, n_absent), (PLAYED, ABSENT));
}

fn check(record: &Record, case: &Case, api: Api, mode: Mode, name: &str) {
    assert_eq!(record.api.as_deref(), Some(api.name()), "{name}");
    assert_eq!(record.stream, (mode == Mode::Streamed).then_some(true), "{name}");
    let error = record.error.as_ref().map(|error| {
        let class = error.class.expect("a call that failed has a class");
        (error.kind.as_ref(), class)
    });
    assert_eq!((record.outcome, error), (Some(case.outcome), case.error), "{name}: {record:#?}");
    let error = record.error.as_ref();
    assert_eq!(error.and_then(|error| error.code.as_deref()), case.code, "{name}");
    let refused = case.status.filter(|status| *status >= 400);
    assert_eq!(error.and_then(|error| error.status), refused, "{name}");
    if case.status.is_some() {
        assert_eq!(record.http_status, case.status, "{name}");
    }
    assert_eq!(record.attempts, Some(case.attempts), "{name}");
    assert_eq!(record.response_status.as_deref(), case.response_status, "{name}: {record:#?}");
    assert_eq!(record.finish_reason.as_deref(), case.finish_reason, "{name}");
    let kept = TOKENS.iter().take(case.kept.unwrap_or(0)).copied().collect::<String>();
    assert_eq!(text(record), kept, "{name}: {record:#?}");
    let wire = record.wire.as_ref().expect("a call has a wire");
    assert_eq!(wire.malformed.unwrap_or(0), case.malformed.unwrap_or(0), "{name}: {wire:?}");
    assert_eq!(record.cut, None, "{name}");
    assert!(record.total_latency_ms.is_some(), "{name}");
    let streamed = mode == Mode::Streamed && !case.in_one_piece;
    let events = case.kept.map(|tokens| tokens as u64).filter(|_| streamed);
    assert_eq!(wire.output_events, events, "{name}: {wire:?}");
    assert_eq!(record.ttft_ms.is_some(), events.is_some_and(|tokens| tokens > 0), "{name}");
}

/// The text that was generated, as far as it is kept.
fn text(record: &Record) -> String {
    let messages = record.content.as_ref().and_then(|content| content.output_messages.as_ref());
    let parts = messages.and_then(|messages| messages.pointer("/0/parts")?.as_array());
    let texts = parts.into_iter().flatten().filter_map(|part| part.get("content")?.as_str());
    texts.collect()
}

/// What a record says of its end.
fn told(record: &Record) -> String {
    let outcome = record.outcome.map_or("-", |outcome| outcome.as_str());
    let mut told = format!("{outcome:<11}");
    if let Some(error) = &record.error {
        let class = error.class.map_or("-", ErrorClass::as_str);
        let status = error.status.map_or_else(String::new, |status| format!(" status {status}"));
        let code = error.code.as_ref().map_or_else(String::new, |code| format!(" code {code}"));
        write!(told, " {} class {class}{code}{status}", error.kind).expect("a string takes all");
    }
    let kept = text(record);
    if !kept.is_empty() {
        write!(told, " {kept:?}").expect("a string takes all");
    }
    told.trim_end().to_owned()
}

fn row(table: &mut String, api: Api, mode: Mode, told: &str) {
    writeln!(table, "  {:<17} {mode:<9} {told}", api.name()).expect("a string takes all");
}
