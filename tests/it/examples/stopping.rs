//! Those that send themselves signals.

use super::{assert_no_orphans, field, records, records_of, run, text};

#[test]
fn a_service_that_is_terminated_lets_answers_end_and_tells_of_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("sigterm", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for told in [
        "\nSIGTERM: open answers have 2s\n",
        "\nthat is over; calls still open: 1\nevery record was delivered\n2 recorded, 0 lost\n",
    ] {
        assert!(stdout.contains(told), "{told:?} is missing in {stdout}");
    }
    let records = records(folder.path());
    let outcomes: Vec<_> = records.iter().filter_map(|record| field(record, "outcome")).collect();
    assert_eq!(outcomes, ["completed", "unfinished"]);
}

#[test]
fn a_function_that_is_frozen_and_thrown_away_has_delivered_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("serverless", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let (first, rest) = stdout.split_once("\n2. ").expect("a second invocation");
    assert!(first.ends_with("   frozen: 0 of 2 records are delivered"), "{stdout}");
    assert_eq!(rest.matches("   idle and flushed\n").count(), 3, "{stdout}");
    for told in ["frozen: 4 of 4 ", "frozen: 6 of 6 ", "   8 of 8 records are delivered\n"] {
        assert!(rest.contains(told), "{told:?} is missing in {stdout}");
    }
    let records = records_of(&folder.path().join("serverless.jsonl"));
    let (meta, records) = records.split_first().expect("records");
    assert_eq!((&meta["kind"], records.len()), (&"meta".into(), 8));
    for record in records {
        assert_eq!(record["outcome"], "completed", "{record}");
    }
    assert_no_orphans(records);
}
