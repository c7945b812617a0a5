//! What is said of costs, and of those that are not known.

use llmobs_core::{CostSource, Outcome, Record};
use serde_json::{Value, json};

use crate::fixtures::{answer, call, chat, cost, lines, span};
use crate::run::{file, good, path, run_with};

#[track_caller]
fn json_of(command: &str, records: &[Record]) -> Value {
    let ran = run_with(&[command, "-", "--format", "json"], lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).expect("the output is JSON")
}

fn text_of(command: &str, records: &[Record]) -> String {
    let file = file(lines(records));
    good(&[command, path(&file), "--width", "160"])
}

fn priced(model: &str, total: &str, currency: &str) -> Record {
    Record { cost: cost(total, currency), ..call(model, Outcome::Completed, 1.0) }
}

#[test]
fn sums_are_exact_and_stand_beside_the_calls_without_a_cost() {
    let mut calls: Vec<_> = (0..10).map(|_| priced("a", "0.1", "USD")).collect();
    calls.extend((0..1_000).map(|_| priced("b", "0.000000001", "USD")));
    calls.push(call("a", Outcome::Completed, 1.0));
    calls.push(call("b", Outcome::Dropped, 1.0));
    calls.push(call("b", Outcome::Failed, 1.0));
    let report = json_of("report", &calls);
    let of = |group: &Value| (group["costs"].to_string(), group["unpriced"].as_u64());
    let sum =
        |sum: &str, calls: u64| format!(r#"[{{"calls":{calls},"currency":"USD","sum":{sum}}}]"#);
    assert_eq!(of(&report["groups"][0]), (sum("1", 10), Some(1)));
    assert_eq!(of(&report["groups"][1]), (sum("1e-6", 1_000), Some(2)));
    assert_eq!(of(&report["total"]), (sum("1.000001", 1_010), Some(3)));
}

#[test]
fn a_sum_has_all_its_digits() {
    let calls: Vec<_> = (0..20_001).map(|_| priced("a", "999999.999999999", "USD")).collect();
    let ran = run_with(&["report", "-", "--format", "json"], lines(&calls).as_bytes());
    assert!(ran.out.contains("\"sum\": 20000999999.999979999,"), "{}", ran.out);
}

#[test]
fn currencies_are_not_added_to_each_other() {
    let calls = [priced("a", "2", "USD"), priced("a", "3", "EUR"), priced("a", "4", "EUR")];
    let total = &json_of("report", &calls)["total"];
    assert_eq!(
        total["costs"],
        json!([
            { "currency": "EUR", "sum": 7, "calls": 2 },
            { "currency": "USD", "sum": 2, "calls": 1 },
        ])
    );
    let table = text_of("report", &calls);
    assert!(table.contains(" cost, EUR ") && table.contains(" cost, USD "), "{table}");
    let many: Vec<_> = (0..10).map(|n| priced("a", "1", &format!("X{n}X"))).collect();
    let total = &json_of("report", &many)["total"];
    assert_eq!(total["costs"].as_array().map(Vec::len), Some(8), "memory is bounded");
    assert_eq!(total["unpriced"], 2);
}

#[test]
fn nothing_is_said_of_costs_where_none_is_known() {
    let mut records = answer();
    records.iter_mut().for_each(|record| record.cost = None);
    for command in ["report", "trace"] {
        let text = text_of(command, &records);
        assert!(!text.contains("cost") && !text.contains("priced"), "{text}");
    }
    let report = json_of("report", &records);
    assert_eq!((report["total"].get("costs"), &report["total"]["unpriced"]), (None, &json!(4)));
}

#[test]
fn reading_a_stored_answer_is_not_unpriced() {
    let fetched =
        Record { operation: Some("fetch_response".into()), ..call("a", Outcome::Completed, 1.0) };
    let total = &json_of("report", &[priced("a", "1", "USD"), fetched])["total"];
    assert_eq!((&total["calls"], &total["unpriced"]), (&json!(2), &json!(0)));
}

#[test]
fn estimated_costs_are_told_apart() {
    let mut guess = chat("m", span(1, 1, None, 0.0, 10.0));
    guess.cost = cost("0.5", "USD");
    if let Some(cost) = &mut guess.cost {
        cost.source = Some(CostSource::Estimated);
    }
    let mut sure = chat("m", span(1, 2, Some(1), 1.0, 5.0));
    sure.cost = cost("0.25", "USD");
    let records = [guess, sure];
    assert_eq!(json_of("report", &records)["total"]["costs"][0]["estimated"], 1);
    let report = text_of("report", &records);
    assert!(report.contains("cost: of 1 call from estimated token counts"), "{report}");
    let trace = text_of("trace", &records);
    assert!(trace.contains(" ~$0.5000") && trace.contains("  $0.2500"), "{trace}");
    assert!(trace.contains("   $0.7500\n"), "{trace}");
    let trace = json_of("trace", &records);
    assert_eq!(
        trace["costs"],
        json!([{ "currency": "USD", "sum": 0.75, "calls": 2, "estimated": 1 }])
    );
    assert_eq!(trace["spans"][0]["cost"]["source"], "estimated");
}

#[test]
fn a_currency_that_is_none_reaches_no_terminal_as_it_is() {
    let hostile = priced("a", "1", "\u{1b}[31mUSD");
    let text = text_of("report", &[hostile]);
    assert!(!text.contains('\u{1b}'), "{text}");
}
