//! Who hangs below whom.

use std::collections::{HashMap, HashSet};

use llmobs_core::{SpanId, Timestamp};

/// What of a span says where it hangs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) id: Option<SpanId>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: Option<Timestamp>,
}

/// A span's place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Index of the span.
    pub(crate) span: usize,
    /// How many spans are above it.
    pub(crate) depth: usize,
    /// Whether it is the last of its siblings.
    pub(crate) last: bool,
    pub(crate) place: Place,
}

/// Why a span stands where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has no parent.
    Root,
    /// Its parent is above it.
    Child,
    /// Its parent is not among the records.
    Orphan,
    /// It is, through others, its own parent.
    Cycle,
}

/// All spans in the order they are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Tree(pub(crate) Vec<Node>);

impl Tree {
    /// Places every span exactly once, whatever the parents say.
    pub(crate) fn new(spans: &[Link]) -> Self {
        let mut by_id = HashMap::new();
        for (at, span) in spans.iter().enumerate() {
            if let Some(id) = span.id {
                by_id.entry(id).or_insert(at);
            }
        }
        let mut order: Vec<usize> = (0..spans.len()).collect();
        // Without a time of its own a span goes last; equal ones stay in the order of the file.
        order.sort_by_key(|at| spans.get(*at).map(|span| (span.start.is_none(), span.start)));
        let parents: Vec<Option<usize>> =
            spans.iter().map(|span| by_id.get(&span.parent?).copied()).collect();
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut tops = Vec::new();
        for at in &order {
            match (parents.get(*at).copied().flatten(), spans.get(*at).and_then(|span| span.parent))
            {
                (Some(parent), _) => children.entry(parent).or_default().push(*at),
                (None, None) => tops.push((*at, Place::Root)),
                (None, Some(_)) => tops.push((*at, Place::Orphan)),
            }
        }

        let mut walk = Walk { children, seen: vec![false; spans.len()], nodes: Vec::new() };
        for (at, place) in tops {
            walk.from(at, place);
        }
        // What no top leads to is in a cycle, or hangs below one.
        for at in order {
            if walk.seen.get(at) == Some(&false) {
                walk.from(in_cycle(at, &parents), Place::Cycle);
            }
        }
        Self(walk.nodes)
    }
}

/// A span of the cycle that the way up from `at` ends in.
fn in_cycle(at: usize, parents: &[Option<usize>]) -> usize {
    let mut above = HashSet::new();
    let mut here = at;
    while above.insert(here) {
        match parents.get(here).copied().flatten() {
            Some(parent) => here = parent,
            None => break,
        }
    }
    here
}

struct Walk {
    children: HashMap<usize, Vec<usize>>,
    seen: Vec<bool>,
    nodes: Vec<Node>,
}

impl Walk {
    fn from(&mut self, top: usize, place: Place) {
        // A list, not recursion: a hostile file nests as deep as it is long.
        let mut open = vec![Node { span: top, depth: 0, last: false, place }];
        while let Some(node) = open.pop() {
            match self.seen.get_mut(node.span) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            let below = self.children.remove(&node.span).unwrap_or_default();
            let depth = node.depth + 1;
            for (nth, span) in below.into_iter().rev().enumerate() {
                open.push(Node { span, depth, last: nth == 0, place: Place::Child });
            }
            self.nodes.push(node);
        }
    }
}
