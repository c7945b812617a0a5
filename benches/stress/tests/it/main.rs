//! Every scenario, small.

use std::path::PathBuf;

use stress::{Scenario, Size, run};

fn small() -> Size {
    let mut size = Size::new(PathBuf::from(env!("CARGO_BIN_EXE_stress")));
    (size.seconds, size.burst, size.day) = (0.5, 20_000, 4_800);
    // In debug builds, it is the receiver that takes its time over metrics.
    (size.attribute_sets, size.rate, size.kills) = (20, 2_000, 5);
    size
}

/// Runs a scenario; which of its accounts does not settle, the error says.
fn settles(scenario: Scenario, accounts: usize) {
    let report = run(scenario, &small()).expect("its accounts settle");
    assert_eq!(report.accounts(), accounts);
    assert!(report.to_string().starts_with(&format!("### {}\n", report.title())), "{report}");
}

#[test]
fn calls_through_async_openai_settle() {
    settles(Scenario::Calls, 4);
}

#[test]
fn a_burst_settles() {
    settles(Scenario::Burst, 2);
}

#[test]
fn an_outage_settles() {
    settles(Scenario::Outage, 2);
}

#[test]
fn killed_processes_leave_what_they_acknowledged() {
    settles(Scenario::Kill, 0);
}

#[test]
fn a_day_settles() {
    settles(Scenario::Day, 2);
}

#[test]
fn faults_settle() {
    settles(Scenario::Faults, 21);
}
