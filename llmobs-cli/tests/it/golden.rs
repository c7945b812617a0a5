//! Whole outputs, as they were when somebody looked at them.

use std::path::PathBuf;

use crate::fixtures::{answer, lines};
use crate::run::{file, good, path};

#[track_caller]
fn check(args: &[&str], golden: &str) {
    let file = file(lines(&answer()));
    let (command, flags) = args.split_first().expect("a command comes first");
    let mut all = vec![*command, path(&file)];
    all.extend(flags);
    let out = good(&all);
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(golden);
    if std::env::var_os("LLMOBS_BLESS").is_some() {
        std::fs::write(&path, &out).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("there is a golden file");
    assert_eq!(out, golden, "run this test with LLMOBS_BLESS=1 and look at the difference");
}

#[test]
fn the_report_fits_80_columns() {
    check(&["report", "--width", "80"], "report_80.txt");
}

#[test]
fn the_report_fits_160_columns() {
    check(&["report", "--width", "160"], "report_160.txt");
}

#[test]
fn the_report_by_kind_fits_100_columns() {
    check(&["report", "--width", "100", "--by", "kind"], "report_by_kind_100.txt");
}

#[test]
fn the_report_is_json_when_asked() {
    check(&["report", "--format", "json"], "report.json");
}

#[test]
fn the_trace_fits_80_columns() {
    check(&["trace", "--width", "80"], "trace_80.txt");
}

#[test]
fn the_trace_fits_160_columns() {
    check(&["trace", "--width", "160"], "trace_160.txt");
}

#[test]
fn the_trace_is_drawn_in_ascii_when_asked() {
    check(&["trace", "--ascii"], "trace_ascii.txt");
}

#[test]
fn the_trace_is_json_when_asked() {
    check(&["trace", "--format", "json"], "trace.json");
}

#[test]
fn no_line_is_wider_than_the_page() {
    let file = file(lines(&answer()));
    for width in ["40", "57", "80", "100", "131", "160", "240"] {
        for command in ["report", "trace"] {
            let out = good(&[command, path(&file), "--width", width, "--ascii"]);
            let widest = out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            let columns: usize = width.parse().expect("a number");
            // Below this, the columns of a block or a span's numbers do not fit side by side.
            let least = if command == "report" { 66 } else { 71 };
            assert!(widest <= columns.max(least), "{command} at {width}: {widest}\n{out}");
        }
    }
}

#[test]
fn groups_by_several_dimensions_fit_the_page() {
    let file = file(lines(&answer()));
    for width in ["80", "100", "140"] {
        for by in ["user", "kind", "tag:tenant,model", "model,prompt,session,user,provider"] {
            let out = good(&["report", path(&file), "--width", width, "--by", by]);
            let widest = out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            let columns: usize = width.parse().expect("a number");
            assert!(widest <= columns, "by {by} at {width}: {widest}\n{out}");
        }
    }
}

#[test]
fn color_changes_nothing_but_color() {
    let file = file(lines(&answer()));
    for command in ["report", "trace"] {
        let plain = good(&[command, path(&file)]);
        let colored = good(&[command, path(&file), "--color", "always"]);
        assert_ne!(plain, colored);
        let mut stripped = String::new();
        let mut parts = colored.split('\u{1b}');
        stripped.push_str(parts.next().unwrap_or(""));
        for part in parts {
            stripped.push_str(part.split_once('m').expect("every escape is a color").1);
        }
        let trimmed = |text: &str| {
            text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(trimmed(&stripped), trimmed(&plain));
    }
}
