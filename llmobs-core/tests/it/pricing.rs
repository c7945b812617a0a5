//! What calls cost, and when that is not known.

mod amount;
mod table;

use llmobs_core::semconv::{operation, provider};
use llmobs_core::testing::Recording;
use llmobs_core::{
    Cost, CostSource, Kind, Outcome, Params, PriceTable, Record, Server, Usage, UsageSource,
    Verdict, Wire,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A table of one list for `llm.example`.
fn table(prices: Value) -> PriceTable {
    let lists = json!([{ "provider": "llm.example", "prices": prices }]);
    PriceTable::parse(&json!({ "version": "t-1", "lists": lists }).to_string()).expect("a table")
}

fn simple() -> PriceTable {
    table(json!([
        { "models": ["m"], "price": { "input": "2", "cached_input": "0.5", "output": "10" } },
    ]))
}

/// A completed call of `m` with 1,000 tokens in and 100 out.
fn call() -> Record {
    Record {
        operation: Some(operation::CHAT.into()),
        provider: Some("llm.example".into()),
        server: Some(Server { address: "llm.example".into(), port: None }),
        model: Some("m".into()),
        outcome: Some(Outcome::Completed),
        input_tokens: Some(1_000),
        output_tokens: Some(100),
        usage: Some(Usage { source: Some(UsageSource::Reported), ..Usage::default() }),
        ..Record::default()
    }
}

fn with(usage: Usage) -> Record {
    Record { usage: Some(usage), ..call() }
}

#[track_caller]
fn total(table: &PriceTable, record: &Record) -> String {
    table.price(record).expect("it has a price").total.to_string()
}

#[test]
fn a_call_costs_its_tokens_at_the_prices_of_its_model() {
    let cost = simple().price(&call()).expect("it has a price");
    let expected = Cost {
        total: "0.003".parse().expect("an amount"),
        input: "0.002".parse().ok(),
        output: "0.001".parse().ok(),
        currency: "USD".into(),
        table: Some("t-1".into()),
        source: Some(CostSource::Table),
    };
    assert_eq!(cost, expected);
}

#[test]
fn cached_input_is_a_part_of_the_input() {
    let cached = |tokens| with(Usage { cache_read_tokens: Some(tokens), ..Usage::default() });
    assert_eq!(total(&simple(), &cached(600)), "0.0021");
    assert_eq!(total(&simple(), &cached(1_000)), "0.0015");
    assert_eq!(simple().price(&cached(1_001)), None);
}

#[test]
fn tokens_without_a_price_leave_the_call_without_one() {
    for usage in [
        Usage { cache_write_tokens: Some(1), ..Usage::default() },
        Usage { audio_input_tokens: Some(1), ..Usage::default() },
        Usage { audio_output_tokens: Some(1), ..Usage::default() },
    ] {
        assert_eq!(simple().price(&with(usage)), None);
    }
    let none_used = Usage { cache_write_tokens: Some(0), ..Usage::default() };
    assert_eq!(total(&simple(), &with(none_used)), "0.003");
}

#[test]
fn audio_and_cache_writes_have_prices_of_their_own() {
    let table = table(json!([{ "models": ["m"], "price": {
        "input": "2", "cached_input": "1", "cache_write": "4", "output": "10",
        "audio_input": "20", "audio_output": "100",
    }}]));
    let written = Usage { cache_write_tokens: Some(500), ..Usage::default() };
    assert_eq!(total(&table, &with(written)), "0.004");
    let audio =
        Usage { audio_input_tokens: Some(100), audio_output_tokens: Some(50), ..Usage::default() };
    assert_eq!(total(&table, &with(audio.clone())), "0.0093");
    let both = Usage { cache_read_tokens: Some(100), ..audio };
    assert_eq!(table.price(&with(both)), None, "what of the cached input was audio is not said");
}

#[test]
fn reasoning_beside_the_output_is_billed_when_the_totals_tell() {
    let usage = |reasoning, total| {
        let (reasoning_tokens, total_tokens) = (Some(reasoning), Some(total));
        with(Usage { reasoning_tokens, total_tokens, ..Usage::default() })
    };
    assert_eq!(total(&simple(), &usage(60, 1_100)), "0.003", "inside the output");
    assert_eq!(total(&simple(), &usage(60, 1_160)), "0.0036", "beside the output");
    assert_eq!(simple().price(&usage(60, 1_150)), None, "something else is in the total");
    assert_eq!(simple().price(&usage(0, 1_150)), None);
}

#[test]
fn what_is_not_known_has_no_cost() {
    let tables = [simple(), PriceTable::builtin()];
    let cases = [
        ("unknown model", Record { model: Some("other".into()), ..call() }),
        ("no model", Record { model: None, ..call() }),
        ("unknown provider", Record { provider: Some("elsewhere".into()), ..call() }),
        ("no provider", Record { provider: None, ..call() }),
        ("no usage", Record { usage: None, input_tokens: None, output_tokens: None, ..call() }),
        ("no input", Record { input_tokens: None, ..call() }),
        ("no output", Record { output_tokens: None, ..call() }),
        ("inconsistent", with(Usage { inconsistent: true, ..Usage::default() })),
        ("dropped", Record { outcome: Some(Outcome::Dropped), ..call() }),
        ("interrupted", Record { outcome: Some(Outcome::Interrupted), ..call() }),
        ("unfinished", Record { outcome: Some(Outcome::Unfinished), ..call() }),
        (
            "of an earlier call",
            Record { operation: Some(operation::FETCH_RESPONSE.into()), ..call() },
        ),
        ("from a gateway's cache", Record { cache_hit: Some(true), ..call() }),
        ("with a fee", Record { output_item_types: vec!["web_search_call".into()], ..call() }),
        ("other tier", Record { service_tier: Some("flex".into()), ..call() }),
        ("a step", Record { kind: Kind::Step, ..call() }),
        ("too much", Record { input_tokens: Some(u64::MAX), ..call() }),
        (
            "too much of both",
            Record { input_tokens: Some(u64::MAX), output_tokens: Some(u64::MAX), ..call() },
        ),
    ];
    for (case, record) in cases {
        for table in &tables {
            assert_eq!(table.price(&record), None, "{case}");
        }
    }
}

#[test]
fn a_failed_call_costs_what_it_used() {
    let failed = Record { outcome: Some(Outcome::Failed), ..call() };
    assert_eq!(total(&simple(), &failed), "0.003");
    let stream = |end_marker| Record {
        stream: Some(true),
        wire: Some(Box::new(Wire { end_marker, ..Wire::default() })),
        ..failed.clone()
    };
    assert_eq!(total(&simple(), &stream(Some(true))), "0.003");
    assert_eq!(simple().price(&stream(Some(false))), None, "there may have been more to come");
    assert_eq!(simple().price(&Record { wire: None, ..stream(None) }), None);
}

#[test]
fn a_gateway_can_have_the_prices_of_a_provider() {
    let text = json!({ "version": "own-1", "same_as": { "gateway.acme.example": "openai" } });
    let own = PriceTable::parse(&text.to_string()).expect("a table");
    let of = |host: &'static str| Record {
        provider: Some(host.into()),
        server: Some(Server { address: host.into(), port: None }),
        model: Some("gpt-4o".into()),
        ..call()
    };
    let table = own.over(&PriceTable::builtin());
    let gateway = table.price(&of("gateway.acme.example")).expect("it has a price");
    assert_eq!(gateway.table.as_deref(), PriceTable::builtin().versions().next());
    assert_eq!(gateway.total.to_string(), "0.0035");
    assert_eq!(table.price(&of("other.acme.example")), None);
    assert_eq!(PriceTable::builtin().price(&of("gateway.acme.example")), None);
}

#[test]
fn estimated_tokens_give_an_estimated_cost() {
    let usage = Usage { source: Some(UsageSource::Estimated), ..Usage::default() };
    let dropped = Record { outcome: Some(Outcome::Dropped), ..with(usage) };
    let cost = simple().price(&dropped).expect("it has a price");
    assert_eq!(cost.source, Some(CostSource::Estimated));
}

#[test]
fn embeddings_have_no_output_to_pay_for() {
    let table = table(json!([{ "models": ["m"], "price": { "input": "0.02" } }]));
    let embeddings =
        Record { operation: Some(operation::EMBEDDINGS.into()), output_tokens: None, ..call() };
    assert_eq!(total(&table, &embeddings), "0.00002");
}

#[test]
fn the_most_specific_name_has_the_price() {
    let named = |models: &str, input| json!({ "models": [models], "price": { "input": input, "output": "0" } });
    let table = table(json!([
        named("*", "1"),
        named("m-*", "2"),
        named("m-small-*", "3"),
        named("m-small-2026-01-01", "4"),
        named("m-small", "5"),
    ]));
    let asked = |model: &str| Record { model: Some(model.into()), ..call() };
    let answered =
        |model: &str, version: &str| Record { model_version: Some(version.into()), ..asked(model) };
    assert_eq!(total(&table, &asked("other")), "0.001");
    assert_eq!(total(&table, &asked("m-large")), "0.002");
    assert_eq!(total(&table, &asked("m-small-2")), "0.003");
    assert_eq!(total(&table, &asked("m-small-2026-01-01")), "0.004");
    assert_eq!(total(&table, &asked("m-small")), "0.005");
    assert_eq!(total(&table, &answered("m-small", "m-large")), "0.002", "who answered is paid");
}

#[test]
fn the_longest_beginning_of_a_name_has_the_price() {
    let beginnings = ["m", "m-", "m-a", "m-abc", "m-ac", "m-b", "ma", "mü", "mü-1", "müä"];
    let prices = beginnings.iter().zip(2_u32..).map(|(beginning, input)| {
        let input = input.to_string();
        json!({ "models": [format!("{beginning}*")], "price": { "input": input, "output": "0" } })
    });
    let table = table(prices.collect());
    let names = [
        "m", "mb", "m-", "m-abb", "m-abcd", "m-ad", "m-b", "mü", "mü-2", "mü-12", "müö", "mø", "n",
        "",
    ];
    for name in names {
        let of_name = beginnings.iter().zip(2_u32..).filter(|(it, _)| name.starts_with(*it));
        let expected = of_name.max_by_key(|(it, _)| it.len()).map(|(_, input)| f64::from(input));
        let cost = table.price(&Record { model: Some(name.into()), ..call() });
        let cost = cost.map(|cost| cost.total.nanos() as f64 / 1e6);
        assert_eq!(cost, expected, "{name}");
    }
}

#[test]
fn a_dated_version_that_is_not_listed_costs_what_its_model_does() {
    let answered = |version: &str| Record { model_version: Some(version.into()), ..call() };
    for version in ["m", "m-2026-01-01", "m-0709", "m-002", "m@20260101"] {
        assert_eq!(total(&simple(), &answered(version)), "0.003", "{version}");
    }
    for version in ["m-mini", "m-mini-2026-01-01", "m2", "mm", "m-", "n-2026-01-01"] {
        assert_eq!(simple().price(&answered(version)), None, "{version}");
    }
}

#[test]
fn long_input_has_its_own_prices() {
    let table = table(json!([{
        "models": ["m"], "price": { "input": "1", "output": "2" },
        "long": { "over": 1_000, "price": { "input": "3", "output": "4" } },
    }]));
    assert_eq!(total(&table, &call()), "0.0012");
    let long = Record { input_tokens: Some(1_001), ..call() };
    assert_eq!(total(&table, &long), "0.003403");
}

#[test]
fn the_tier_that_served_is_billed() {
    let table = table(json!([{
        "models": ["m"], "price": { "input": "2", "output": "2" },
        "tiers": { "flex": { "price": { "input": "1", "output": "1" } } },
    }]));
    let tiers = |served: Option<&str>, asked: &str| Record {
        service_tier: served.map(str::to_owned),
        params: Some(Box::new(Params {
            service_tier: Some(asked.to_owned()),
            ..Params::default()
        })),
        ..call()
    };
    for (served, asked, expected) in [
        (Some("default"), "auto", Some("0.0022")),
        (Some("default"), "flex", Some("0.0022")),
        (Some("flex"), "auto", Some("0.0011")),
        (None, "flex", Some("0.0011")),
        (None, "auto", Some("0.0022")),
        (Some("priority"), "auto", None),
        (None, "priority", None),
        (Some("auto"), "auto", None),
    ] {
        let cost = table.price(&tiers(served, asked)).map(|cost| cost.total.to_string());
        assert_eq!(cost.as_deref(), expected, "{served:?} {asked}");
    }
}

#[test]
fn a_price_has_its_time_and_its_hosts() {
    let text = json!({ "version": "t-1", "lists": [{
        "provider": "p", "hosts": ["a.example"],
        "prices": [
            { "models": ["m"], "price": { "input": "1", "output": "0" }, "until": "2026-02-01" },
            { "models": ["m"], "price": { "input": "2", "output": "0" }, "since": "2026-02-01" },
        ],
    }]});
    let table = PriceTable::parse(&text.to_string()).expect("a table");
    let at = |time: Option<&str>, host: &str| {
        let record = Record {
            provider: Some("p".into()),
            timestamp: time.map(|time| time.parse().expect("a time")),
            server: Some(Server { address: host.into(), port: None }),
            ..call()
        };
        table.price(&record).map(|cost| cost.total.to_string())
    };
    assert_eq!(at(Some("2026-01-31T23:59:59Z"), "a.example").as_deref(), Some("0.001"));
    assert_eq!(at(Some("2026-02-01T00:00:00Z"), "A.example").as_deref(), Some("0.002"));
    assert_eq!(at(Some("2026-02-01T00:00:00Z"), "b.example"), None);
    assert_eq!(at(None, "a.example"), None);
}

#[test]
fn a_table_of_ones_own_goes_before_the_built_in_one() {
    let text = json!({ "version": "own-1", "currency": "EUR", "lists": [
        { "provider": "openai", "prices": [
            { "models": ["gpt-4*"], "price": { "input": "1", "output": "1" } },
        ]},
        { "provider": "*", "prices": [
            { "models": ["m"], "price": { "input": "3", "output": "3" } },
        ]},
    ]});
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text.to_string()).expect("it can be written");
    let table = PriceTable::with_file(file.path()).expect("a table");
    let builtin = PriceTable::builtin();
    let below = builtin.versions().next().expect("a version");
    assert_eq!(table.versions().collect::<Vec<_>>(), ["own-1", below]);
    let of = |model: &str| Record {
        provider: Some(provider::OPENAI.into()),
        server: Some(Server { address: "api.openai.com".into(), port: None }),
        model: Some(model.into()),
        ..call()
    };
    let cost = table.price(&of("gpt-4o")).expect("it has a price");
    assert_eq!((cost.table.as_deref(), cost.currency.as_ref()), (Some("own-1"), "EUR"));
    let cost = table.price(&of("o3-mini")).expect("it has a price");
    assert_eq!((cost.table.as_deref(), cost.currency.as_ref()), (Some(below), "USD"));
    let anywhere = Record { provider: Some("localhost".into()), ..call() };
    assert_eq!(total(&table, &anywhere), "0.0033");
}

#[test]
fn a_model_that_only_has_a_famous_name_has_no_price() {
    for (provider, host) in [("localhost", "localhost"), ("openai", "eu.api.openai.com")] {
        let record = Record {
            provider: Some(provider.into()),
            server: Some(Server { address: host.into(), port: None }),
            model: Some("gpt-4o".into()),
            ..call()
        };
        assert_eq!(PriceTable::builtin().price(&record), None, "{host}");
    }
}

#[test]
fn the_recorder_prices_calls_before_the_rules() {
    let recording = Recording::with(|builder| {
        builder.prices(simple()).processor(|record: &mut Record| {
            let cost = record.cost.as_ref().map(|cost| cost.total.to_string());
            record.tags.insert("seen".into(), cost.unwrap_or_default());
            Verdict::Keep
        })
    });
    let reported = || Some(Box::new(Cost::reported("0.5".parse().expect("an amount"))));
    let fetched = Some(operation::FETCH_RESPONSE.into());
    for record in [
        call(),
        Record { cost: reported(), ..call() },
        Record { cost: reported(), outcome: Some(Outcome::Dropped), ..call() },
        Record { cost: reported(), operation: fetched, ..call() },
        Record { cost: reported(), cache_hit: Some(true), ..call() },
        Record { model: None, ..call() },
    ] {
        recording.recorder().record(record);
    }
    let seen: Vec<_> =
        recording.records().iter().map(|record| record.tags["seen"].clone()).collect();
    assert_eq!(seen, ["0.003", "0.5", "", "", "0.5", ""]);
}

proptest! {
    #[test]
    fn the_parts_are_the_whole_and_more_tokens_never_cost_less(
        input in any::<u64>(),
        output in any::<u64>(),
        cached in any::<u64>(),
        shift in 0u32..64,
        more in 1u64..1_000,
    ) {
        let (input, output, cached) = (input >> shift, output >> shift, cached >> shift);
        let of = |input, output| Record {
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..with(Usage { cache_read_tokens: Some(cached), ..Usage::default() })
        };
        let table = simple();
        let Some(cost) = table.price(&of(input, output)) else { return Ok(()) };
        prop_assert!(cached <= input);
        let parts = cost.input.zip(cost.output).and_then(|(one, two)| one.checked_add(two));
        prop_assert_eq!(parts, Some(cost.total));
        // By hand: whole picodollars, two kinds of input.
        let exact = u128::from(input - cached) * 2_000_000 + u128::from(cached) * 500_000
            + u128::from(output) * 10_000_000;
        prop_assert!(u128::from(cost.total.nanos()).abs_diff(exact / 1_000) <= 1);
        for record in [of(input + more, output), of(input, output + more)] {
            if let Some(larger) = table.price(&record) {
                prop_assert!(larger.total >= cost.total);
            }
        }
    }
}
