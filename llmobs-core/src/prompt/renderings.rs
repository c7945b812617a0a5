//! What was rendered lately, by the hash of the text.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use super::render::{Source, Values};
use crate::capture::Capture;
use crate::contain::contained;
use crate::id::TraceId;
use crate::queue::lock;
use crate::recorder::Recorder;
use crate::scope::{Place as Around, Scope, here};
use crate::span::Innermost;

/// Places a recorder remembers renderings at. Each takes up to two: its text, and its text in its
/// trace.
const PLACES: usize = 8_192;
/// Bytes of variables' values that are remembered, where content is captured.
const VALUE_BYTES: u64 = 16 << 20;

/// Recorders that remember renderings.
static RECORDERS: AtomicUsize = AtomicUsize::new(0);
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// Renderings made where no recorder was current, such as in a task that left its scope: whichever
/// recorder sees the text takes it.
static UNCLAIMED: LazyLock<Memory> = LazyLock::new(Memory::default);

/// What a rendering said, before anybody remembered it.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) source: Source,
    pub(super) values: Values,
}

/// A rendering that is remembered.
#[derive(Debug)]
pub(super) struct Rendering {
    pub(super) rendered: Rendered,
    /// Later renderings have greater numbers.
    pub(super) number: u64,
}

/// Who would like to know of a rendering made here.
pub(super) struct Witness {
    recorder: Option<Recorder>,
    capture: Capture,
    trace: Option<TraceId>,
}

impl Witness {
    /// `None` where nothing is recorded.
    pub(super) fn here() -> Option<Self> {
        if RECORDERS.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let Around { scope, tracing, tracing_at_entry, .. } = here();
        let recorder = scope.as_ref().and_then(Scope::recorder_ref).cloned();
        let Some(recorder) = recorder.or_else(Recorder::process_wide) else {
            return Some(Self { recorder: None, capture: Capture::NONE, trace: None });
        };
        if !recorder.is_enabled() {
            return None;
        }
        let innermost = Innermost {
            scope: scope.as_ref().and_then(Scope::span),
            tracing_at_entry,
            tracing: tracing.as_ref(),
        };
        let span = contained(|| recorder.backend().current(&innermost)).flatten();
        let capture = scope.as_ref().and_then(|scope| scope.attributes().capture);
        Some(Self {
            capture: recorder.shared().capture.within(capture),
            trace: span.map(|span| span.identity.trace_id),
            recorder: Some(recorder),
        })
    }

    /// Whether the values that went in are kept.
    pub(super) fn keeps_values(&self) -> bool {
        self.capture.has_input()
    }

    pub(super) fn remember(self, text: &str, rendered: Rendered) {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let rendering = Arc::new(Rendering { rendered, number });
        match &self.recorder {
            Some(recorder) => recorder.shared().renderings.insert(text, self.trace, &rendering),
            None => UNCLAIMED.insert(text, None, &rendering),
        }
    }
}

/// What a recorder remembers of the renderings made under it.
#[derive(Debug)]
pub(crate) struct Renderings(Option<Memory>);

impl Renderings {
    pub(crate) fn new() -> Self {
        RECORDERS.fetch_add(1, Ordering::Relaxed);
        Self(Some(Memory::default()))
    }

    /// For a recorder that takes part in nothing around it.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Whether no text can be known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|memory| memory.is_empty() && UNCLAIMED.is_empty())
    }

    fn insert(&self, text: &str, trace: Option<TraceId>, rendering: &Arc<Rendering>) {
        if let Some(memory) = &self.0 {
            memory.insert(text, trace, rendering);
        }
    }

    /// The rendering a text came from, and whether that was in this trace; else the newest.
    pub(super) fn find(
        &self,
        text: &str,
        trace: Option<TraceId>,
    ) -> Option<(Arc<Rendering>, bool)> {
        let text = Text::of(text);
        let memory = self.0.as_ref()?;
        let own = trace.and_then(|trace| memory.get(&(text, Some(trace))));
        let newest = || memory.get(&(text, None)).or_else(|| UNCLAIMED.get(&(text, None)));
        own.map(|own| (own, true)).or_else(|| newest().map(|newest| (newest, false)))
    }
}

impl Drop for Renderings {
    fn drop(&mut self) {
        if self.0.is_some() {
            RECORDERS.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A text by 128 bits of hash.
///
/// Two of the standard library's hashers, each with random keys: texts hold what users say, and with
/// a hash of known keys somebody could write one that passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Text(u64, u64);

impl Text {
    fn of(text: &str) -> Self {
        static KEYS: LazyLock<(RandomState, RandomState)> = LazyLock::new(Default::default);
        Self(KEYS.0.hash_one(text), KEYS.1.hash_one(text))
    }
}

type Key = (Text, Option<TraceId>);

/// A bounded memory; what was not used for the longest time is forgotten first.
#[derive(Debug, Default)]
struct Memory {
    /// Spares the lock, and the hash of every message, to all who render nothing.
    used: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    places: HashMap<Key, Place>,
    /// Places in the order of their use; those taken up again stand here once more.
    uses: VecDeque<(Key, u64)>,
    /// How many places have been taken so far.
    taken: u64,
    value_bytes: u64,
}

#[derive(Debug)]
struct Place {
    rendering: Arc<Rendering>,
    /// How many had been taken when it was put to the end of `uses`.
    used: u64,
}

impl Memory {
    fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    fn insert(&self, text: &str, trace: Option<TraceId>, rendering: &Arc<Rendering>) {
        let text = Text::of(text);
        let mut kept = lock(&self.kept);
        kept.insert((text, None), Arc::clone(rendering));
        if trace.is_some() {
            kept.insert((text, trace), Arc::clone(rendering));
        }
        self.used.store(true, Ordering::Release);
    }

    fn get(&self, key: &Key) -> Option<Arc<Rendering>> {
        if self.is_empty() {
            return None;
        }
        lock(&self.kept).get(key)
    }
}

impl Kept {
    fn get(&mut self, key: &Key) -> Option<Arc<Rendering>> {
        let rendering = Arc::clone(&self.places.get(key)?.rendering);
        self.touch(key);
        Some(rendering)
    }

    fn insert(&mut self, key: Key, rendering: Arc<Rendering>) {
        self.value_bytes += value_bytes(&rendering);
        if let Some(place) = self.places.get_mut(&key) {
            let before = std::mem::replace(&mut place.rendering, rendering);
            self.value_bytes -= value_bytes(&before);
            self.touch(&key);
        } else {
            self.taken += 1;
            self.places.insert(key, Place { rendering, used: self.taken });
            self.uses.push_back((key, self.taken));
        }
        while self.places.len() > PLACES || self.value_bytes > VALUE_BYTES {
            if !self.forget() {
                break;
            }
        }
    }

    /// Puts a place to the end of those to be forgotten. Not each time: it is in no danger before
    /// many others have been taken, and so `uses` grows no faster than places are.
    fn touch(&mut self, key: &Key) {
        if let Some(place) = self.places.get_mut(key)
            && self.taken - place.used >= PLACES as u64 / 2
        {
            place.used = self.taken;
            self.uses.push_back((*key, self.taken));
        }
    }

    /// Forgets the place that was not used for the longest time; `false` when there is none.
    fn forget(&mut self) -> bool {
        while let Some((key, used)) = self.uses.pop_front() {
            if self.places.get(&key).is_some_and(|place| place.used == used) {
                if let Some(place) = self.places.remove(&key) {
                    self.value_bytes -= value_bytes(&place.rendering);
                }
                return true;
            }
        }
        false
    }
}

fn value_bytes(rendering: &Rendering) -> u64 {
    let values = &rendering.rendered.values;
    values.bytes - values.missing
}
