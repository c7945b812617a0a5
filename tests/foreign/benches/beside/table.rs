//! The tables: what each way costs, and what it tells.

use serde_json::Value;

use crate::told::Told;
use crate::way::Way;
use crate::{LEFT_AFTER, STREAMS};

/// A way over its bare client, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    bare_us: f64,
    over_us: f64,
    over_switches: f64,
}

impl Pair {
    pub(crate) fn new(bare: &Value, observed: &Value) -> Self {
        let each = |of: &Value, name: &str| of[name].as_f64().expect("a figure") / STREAMS as f64;
        let over = |name| each(observed, name) - each(bare, name);
        Self {
            bare_us: each(bare, "cpu_us"),
            over_us: over("cpu_us"),
            over_switches: over("switches"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) way: Way,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) idle: f64,
    pub(crate) whole: Option<Told>,
    pub(crate) left: Option<Told>,
}

impl Row {
    pub(crate) fn of(way: Way) -> Self {
        Self { way, pairs: Vec::new(), idle: 0.0, whole: None, left: None }
    }

    /// The quartiles of a figure.
    fn quartiles(&self, figure: impl Fn(&Pair) -> f64) -> [f64; 3] {
        let mut all: Vec<f64> = self.pairs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        [0.25, 0.5, 0.75].map(|share| {
            let at = share * all.len().saturating_sub(1) as f64;
            let (low, high) = (all[at.floor() as usize], all[at.ceil() as usize]);
            low + (high - low) * at.fract()
        })
    }
}

pub(crate) fn costs(rows: &[Row]) -> String {
    let mut table = String::from(
        "| | bare, µs a stream | over bare, µs a stream | quartiles | of bare | switches a stream, over bare | idle, switches a second |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let [_, bare, _] = row.quartiles(|pair| pair.bare_us);
        let [low, over, high] = row.quartiles(|pair| pair.over_us);
        let [_, share, _] = row.quartiles(|pair| pair.over_us / pair.bare_us);
        let [_, switches, _] = row.quartiles(|pair| pair.over_switches);
        let (name, idle) = (row.way.name(), row.idle);
        table += &format!(
            "| {name} | {bare:.0} | {over:+.0} | {low:+.0} … {high:+.0} | {:+.1} % | {switches:+.1} | {idle:.1} |\n",
            share * 100.0,
        );
    }
    table
}

pub(crate) fn telling(rows: &[Row]) -> String {
    let mut table = format!(
        "| | first chunk | tokens | finish reason | a reader that leaves after {LEFT_AFTER} events |\n\
         |---|---|---|---|---|\n",
    );
    for row in rows.iter().filter(|row| row.way.tells()) {
        let yes =
            |is: fn(&Told) -> bool| if row.whole.as_ref().is_some_and(is) { "yes" } else { "–" };
        let (first, tokens) = (yes(|told| told.first), yes(|told| told.tokens));
        let finish = yes(|told| told.finish_reason);
        let left = row.left.as_ref().map_or("nothing".to_owned(), left);
        table += &format!("| {} | {first} | {tokens} | {finish} | {left} |\n", row.way.name());
    }
    table
}

fn left(told: &Told) -> String {
    let mut what = match (&told.outcome, told.error) {
        (Some(outcome), _) => format!("`{outcome}`"),
        (None, true) => "an error".to_owned(),
        (None, false) => "a span as of any call".to_owned(),
    };
    let lacks = [
        (told.first, "first chunk"),
        (told.tokens, "tokens"),
        (told.finish_reason, "finish reason"),
    ];
    let lacks: Vec<&str> = lacks.iter().filter(|(has, _)| !has).map(|(_, name)| *name).collect();
    if !lacks.is_empty() {
        what += &format!(", without {}", lacks.join(", "));
    }
    what
}
