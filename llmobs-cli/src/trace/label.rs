//! A span's name at its place in the tree.

use super::span::Span;
use crate::style::Style;
use crate::tree::Node;

/// Deeper spans are drawn at this depth, with their depth as a number.
const DRAWN_DEPTH: usize = 12;

/// The lines that lead to the spans, one span after the other.
#[derive(Debug, Default)]
pub(super) struct Guides {
    /// For each level on the way to the span, whether its span was the last of its siblings.
    last: Vec<bool>,
}

/// What stands before a span's name.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    /// On the span's own line.
    pub(super) own: String,
    /// On lines below it that still belong to it.
    pub(super) below: String,
}

impl Guides {
    /// The guide of the next node, whose own children follow it when `parent` is set.
    pub(super) fn next(&mut self, node: &Node, parent: bool, style: &Style) -> Guide {
        let (own, below) = self.siblings(node, style);
        let children = if parent { style.pick("│ ", "| ") } else { "  " };
        Guide { own, below: below + children }
    }

    fn siblings(&mut self, node: &Node, style: &Style) -> (String, String) {
        let Some(level) = node.depth.checked_sub(1) else {
            self.last.clear();
            return (String::new(), String::new());
        };
        let level = level.min(DRAWN_DEPTH);
        self.last.truncate(level);
        let bar = |last: bool| if last { "  " } else { style.pick("│ ", "| ") };
        let above: String = self.last.iter().map(|last| bar(*last)).collect();
        let branch = match node.last {
            true => style.pick("└ ", "`-"),
            false => style.pick("├ ", "|-"),
        };
        self.last.push(node.last);
        let deep =
            if node.depth > DRAWN_DEPTH { format!("[{}] ", node.depth) } else { String::new() };
        (format!("{above}{branch}{deep}"), above + bar(node.last))
    }
}

/// What the span is and what it is called.
pub(super) fn name(span: &Span) -> String {
    match &span.name {
        Some(name) => format!("{} {name}", span.what),
        None => span.what.clone(),
    }
}
