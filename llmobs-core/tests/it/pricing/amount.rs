//! Amounts as texts and in records.

use llmobs_core::testing::samples;
use llmobs_core::{Amount, Record};
use proptest::prelude::*;

#[test]
fn amounts_are_read_and_written_exactly() {
    for (text, nanos, written) in [
        ("0", 0, "0"),
        ("6e-7", 600, "0.0000006"),
        ("4e-05", 40_000, "0.00004"),
        ("0.0004970133333333333", 497_013, "0.000497013"),
        ("9.625000000000001e-05", 96_250, "0.00009625"),
        ("0.000000028", 28, "0.000000028"),
        ("0.0000000005", 1, "0.000000001"),
        ("0.00000000049", 0, "0"),
        ("1.25E2", 125_000_000_000, "125"),
        ("1000000", 1_000_000_000_000_000, "1000000"),
        ("0e400", 0, "0"),
        ("00012.50", 12_500_000_000, "12.5"),
    ] {
        let amount: Amount = text.parse().unwrap_or_else(|err| panic!("{text}: {err}"));
        assert_eq!((amount.nanos(), amount.to_string().as_str()), (nanos, written), "{text}");
    }
    for text in ["", ".", "1.", ".5", "-1", "+1", "NaN", "1e", "1e99999", "1 2", "1000000.1", "1e7"]
    {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
    assert!("1".repeat(65).parse::<Amount>().is_err());
    for line in ["-0.1", "1000001", "1e300", "\"1\"", "null"] {
        assert!(serde_json::from_str::<Amount>(line).is_err(), "{line}");
    }
    assert_eq!(serde_json::from_str::<Amount>("3").map(Amount::nanos).ok(), Some(3_000_000_000));
}

#[test]
fn a_record_with_a_cost_reads_back_the_same() {
    let record = samples::priced();
    let line = serde_json::to_string(&record).expect("a record is JSON");
    assert!(line.contains(r#""cost":{"total":0.00048,"input":0.000276,"#), "{line}");
    let read: Record = serde_json::from_str(&line).expect("it is a record");
    assert_eq!(read.cost, record.cost);
}

proptest! {
    #[test]
    fn what_is_written_reads_back_exactly(nanos in 0..=Amount::MAX.nanos()) {
        let amount = Amount::from_nanos(nanos).expect("within bounds");
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        let json = serde_json::to_string(&amount).expect("a number");
        prop_assert_eq!(serde_json::from_str::<Amount>(&json).ok(), Some(amount), "{}", json);
        // The number itself is the decimal, not only near it.
        prop_assert_eq!(json.parse(), Ok(amount), "{}", json);
    }
}
