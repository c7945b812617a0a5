//! The built-in table, and mistakes in those of users.

use llmobs_core::semconv::operation;
use llmobs_core::{Amount, PriceError, PriceTable, Record, Server};
use serde_json::{Value, json};

use super::call;

#[test]
fn mistakes_in_a_table_are_told_with_their_place() {
    let missing = PriceTable::with_file("no/such/file").expect_err("there is none");
    assert_eq!(missing.to_string(), "the price table no/such/file cannot be read");
    assert!(std::error::Error::source(&missing).is_some());
    let typo = "{\n  \"version\": \"1\",\n  \"list\": []\n}";
    match PriceTable::parse(typo) {
        Err(PriceError::Form { line: 3, reason, .. }) => assert!(reason.contains("`list`")),
        other => panic!("{other:?}"),
    }
    let entry = |entry: Value| {
        let good = json!({ "models": ["a"], "price": { "input": "1" } });
        let lists = json!([{ "provider": "p", "prices": [good, entry] }]);
        let text = json!({ "version": "1", "lists": lists }).to_string();
        PriceTable::parse(&text).expect_err("it is wrong").to_string()
    };
    let of = |input: &str| json!({ "models": ["m"], "price": { "input": input } });
    let at = "entry 2 of the price table, m, for p: ";
    for (wrong, told) in [
        (of("cheap"), "\"cheap\" is not a price"),
        (of("-1"), "\"-1\" is not a price"),
        (of("1000001"), "\"1000001\" is not a price"),
        (of("0.0000000001"), "the price \"0.0000000001\" has more than nine decimal places"),
        (
            json!({ "models": ["m"], "price": { "input": "1", "cached_input": "2" } }),
            "cached input costs more than other input",
        ),
        (
            json!({ "models": ["m"], "price": { "input": "1" }, "since": "May" }),
            "\"May\" is not a day",
        ),
        (
            json!({ "models": ["m"], "price": { "input": "1" }, "since": "2026-02-02", "until": "2026-02-02" }),
            "it ends before it begins",
        ),
    ] {
        assert_eq!(entry(wrong), format!("{at}{told}"));
    }
    let twice = json!({ "models": ["a"], "price": { "input": "2" } });
    assert!(entry(twice).ends_with("\"a\" has another price already"));
    let star = json!({ "models": ["a*b"], "price": { "input": "2" } });
    assert!(entry(star).ends_with("\"a*b\" has a `*` before its end"));
    let none = json!({ "models": [], "price": { "input": "2" } });
    assert!(entry(none).ends_with("it is for no model"));
}

/// The built-in table as data.
fn builtin() -> Value {
    serde_json::from_str(include_str!("../../../prices/prices.json")).expect("it is JSON")
}

#[test]
fn every_built_in_price_says_when_and_where_it_was_taken() {
    let table = builtin();
    let version = table["version"].as_str().expect("a version");
    assert_eq!(PriceTable::builtin().versions().collect::<Vec<_>>(), [version]);
    let mut entries = 0;
    for list in table["lists"].as_array().expect("lists") {
        let provider = list["provider"].as_str().expect("a provider");
        assert_ne!(provider, "*", "a price of nobody's");
        for entry in list["prices"].as_array().expect("prices") {
            entries += 1;
            let field = |name: &str| entry[name].as_str().or(list[name].as_str());
            let taken = field("taken").expect("a day");
            assert!(taken <= version.trim_start_matches("llmobs-"), "{entry}");
            assert!(field("source").is_some_and(|source| source.len() > 10), "{entry}");
            assert_ne!(entry["models"], json!(["*"]), "{entry}");
        }
    }
    assert!(entries > 100, "{entries}");
}

#[test]
fn every_built_in_entry_prices_its_own_models() {
    let table = builtin();
    for list in table["lists"].as_array().expect("lists") {
        for entry in list["prices"].as_array().expect("prices") {
            for model in entry["models"].as_array().expect("models") {
                let model = model.as_str().expect("a name").replace('*', "");
                let host = list["hosts"][0].as_str().unwrap_or("any.example");
                let day = entry["since"].as_str().unwrap_or("2026-11-22");
                let record = Record {
                    provider: Some(
                        list["provider"].as_str().expect("a provider").to_owned().into(),
                    ),
                    server: Some(Server { address: host.into(), port: Some(443) }),
                    model_version: Some(model.clone()),
                    timestamp: Some(format!("{day}T00:00:00Z").parse().expect("a time")),
                    operation: Some(operation::EMBEDDINGS.into()),
                    input_tokens: Some(1_000),
                    output_tokens: None,
                    ..call()
                };
                let cost = PriceTable::builtin().price(&record);
                let price: Amount =
                    entry["price"]["input"].as_str().expect("a price").parse().expect("an amount");
                let nanos = cost.map(|cost| cost.total.nanos());
                assert_eq!(nanos, Some(price.nanos() / 1_000), "{model}: {entry}");
            }
        }
    }
}

#[test]
fn the_described_table_is_one() {
    let text = include_str!("../../../prices/README.md");
    let example = text.split("```").nth(1).and_then(|block| block.strip_prefix("json"));
    let table = PriceTable::parse(example.expect("an example")).expect("a table");
    assert_eq!(table.versions().collect::<Vec<_>>(), ["acme-7"]);
    let record = Record { provider: Some("vllm.internal".into()), ..call() };
    let cost = table.price(&record).expect("it has a price");
    assert_eq!(cost.total, Amount::ZERO, "free is known to be free");
}
