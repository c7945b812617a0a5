//! What is open on this thread, innermost last.
//!
//! Scopes are pushed and popped around each poll, `tracing` spans as they are entered and left, so
//! one stack knows which of them is the innermost. The stack is never borrowed while foreign code
//! runs: a backend or a subscriber may come back to it.

use std::cell::RefCell;
use std::marker::PhantomData;

#[cfg(feature = "layer")]
use std::sync::Arc;

use super::Scope;
#[cfg(feature = "layer")]
use crate::layer::TracingSpan;
use crate::span::OpenSpan;

thread_local! {
    static STACK: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

enum Entry {
    Scope {
        scope: Scope,
        tracing_at_entry: Option<u64>,
    },
    #[cfg(feature = "layer")]
    Tracing(Arc<TracingSpan>),
}

/// What surrounds a point of the program.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) scope: Option<Scope>,
    pub(crate) tracing_at_entry: Option<u64>,
    /// A `tracing` span entered inside the scope.
    pub(crate) tracing: Option<OpenSpan>,
    #[cfg(feature = "layer")]
    pub(crate) tracing_span: Option<Arc<TracingSpan>>,
}

/// What surrounds this point of the program.
pub(crate) fn here() -> Place {
    STACK
        .try_with(|stack| {
            let Ok(stack) = stack.try_borrow() else { return Place::default() };
            let mut place = Place::default();
            let at = stack.iter().rposition(|entry| matches!(entry, Entry::Scope { .. }));
            #[cfg(feature = "layer")]
            if let Some(Entry::Tracing(span)) = stack.last() {
                place.tracing = span.open();
                place.tracing_span = Some(Arc::clone(span));
            }
            if let Some(Entry::Scope { scope, tracing_at_entry }) = at.and_then(|at| stack.get(at))
            {
                place.scope = Some(scope.clone());
                place.tracing_at_entry = *tracing_at_entry;
            }
            #[cfg(feature = "layer")]
            foreign(stack.iter().skip(at.map_or(0, |at| at + 1)), &mut place);
            place
        })
        .unwrap_or_default()
}

/// Pushes `scope` until the guard is dropped.
pub(crate) fn enter(scope: &Scope) -> Entered {
    let tracing_at_entry = tracing::Span::current().id().map(|id| id.into_u64());
    let entry = Entry::Scope { scope: scope.clone(), tracing_at_entry };
    let pushed =
        STACK.try_with(|stack| stack.try_borrow_mut().map(|mut stack| stack.push(entry)).is_ok());
    Entered { pushed: pushed.unwrap_or(false), _not_send: PhantomData }
}

/// Takes its scope off the stack again, and whatever was left above it.
pub(crate) struct Entered {
    pushed: bool,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if !self.pushed {
            return;
        }
        // Dropped after the borrow has ended: dropping a scope may run foreign code.
        let _left = STACK.try_with(|stack| {
            let mut stack = stack.try_borrow_mut().ok()?;
            // Scopes are left in reverse order, and spans entered before in any: ours is the last
            // scope, wherever it is by now.
            let at = stack.iter().rposition(|entry| matches!(entry, Entry::Scope { .. }))?;
            // A `tracing` span still entered here was entered across an await and is nobody's now.
            let mislaid = stack.split_off(at + 1);
            Some((stack.pop(), mislaid))
        });
    }
}

/// The innermost span of another crate around this point that tells of a call.
#[cfg(feature = "layer")]
pub(crate) fn foreign_here() -> Option<Arc<crate::layer::Foreign>> {
    let foreign = STACK.try_with(|stack| {
        let stack = stack.try_borrow().ok()?;
        for entry in stack.iter().rev() {
            match entry {
                Entry::Scope { scope, .. } => return scope.foreign().cloned(),
                Entry::Tracing(span) => {
                    if let Some(foreign) = span.foreign().filter(|foreign| foreign.is_call()) {
                        return Some(Arc::clone(foreign));
                    }
                }
            }
        }
        None
    });
    foreign.ok().flatten()
}

/// Puts the scope inside what spans of other crates stand for, which were entered in it.
#[cfg(feature = "layer")]
fn foreign<'s>(entered: impl Iterator<Item = &'s Entry>, place: &mut Place) {
    for entry in entered {
        let Entry::Tracing(span) = entry else { continue };
        if let Some(foreign) = span.foreign() {
            place.scope.get_or_insert_default().go_inside(foreign);
        }
    }
}

/// Pushes a `tracing` span that was entered.
#[cfg(feature = "layer")]
pub(crate) fn enter_tracing(span: &Arc<TracingSpan>) {
    let _ = STACK.try_with(|stack| {
        if let Ok(mut stack) = stack.try_borrow_mut() {
            stack.push(Entry::Tracing(Arc::clone(span)));
        }
    });
}

/// Takes a `tracing` span off again; spans may be left in any order.
#[cfg(feature = "layer")]
pub(crate) fn exit_tracing(id: u64) {
    let _left = STACK.try_with(|stack| {
        let mut stack = stack.try_borrow_mut().ok()?;
        let at =
            stack.iter().rposition(|entry| matches!(entry, Entry::Tracing(s) if s.id() == id))?;
        Some(stack.remove(at))
    });
}
