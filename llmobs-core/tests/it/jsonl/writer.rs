//! JSON lines to any writer.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use llmobs_core::{JsonLines, Record};

use crate::support::{numbered, offer};

/// A writer that takes as many bytes as it has been given room for.
#[derive(Clone, Default)]
struct Narrow(Arc<Mutex<(Vec<u8>, usize)>>);

impl Narrow {
    fn inner(&self) -> MutexGuard<'_, (Vec<u8>, usize)> {
        self.0.lock().expect("no test panics with it")
    }

    fn room(&self, bytes: usize) {
        self.inner().1 = bytes;
    }

    fn names(&self) -> Vec<String> {
        let text = String::from_utf8(self.inner().0.clone()).expect("UTF-8");
        let name = |line: &str| match serde_json::from_str::<Record>(line) {
            Ok(record) => record.name.unwrap_or_else(|| "meta".into()),
            Err(_) => "damaged".into(),
        };
        text.lines().map(name).collect()
    }
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.inner();
        let n = bytes.len().min(inner.1);
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.1 -= n;
        inner.0.extend(bytes.iter().take(n));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_batch_stopped_anywhere_goes_on_where_it_stopped() {
    for room in 0..800 {
        let out = Narrow::default();
        let mut sink = JsonLines::writer(out.clone());
        let batch = [numbered(1), numbered(2)];
        out.room(room);
        if offer(&mut sink, &batch).is_err() {
            out.room(usize::MAX);
            offer(&mut sink, &batch).unwrap();
        }
        out.room(usize::MAX);
        offer(&mut sink, &[numbered(3)]).unwrap();
        assert_eq!(out.names(), ["meta", "step 1", "step 2", "step 3"], "room for {room}");
    }
}

#[test]
fn a_batch_given_up_half_way_damages_one_line_at_most() {
    for room in 0..800 {
        let out = Narrow::default();
        let mut sink = JsonLines::writer(out.clone());
        out.room(usize::MAX);
        offer(&mut sink, &[numbered(0)]).unwrap();
        out.room(room);
        let taken = offer(&mut sink, &[numbered(1), numbered(2)]).is_ok();
        out.room(usize::MAX);
        offer(&mut sink, &[numbered(3)]).unwrap();
        let mut names = out.names();
        assert_eq!(names.pop().as_deref(), Some("step 3"), "room for {room}");
        let damaged = names.iter().filter(|name| *name == "damaged").count();
        assert!(damaged <= usize::from(!taken), "room for {room}: {names:?}");
        names.retain(|name| name != "damaged");
        assert_eq!(names, ["meta", "step 0", "step 1", "step 2"][..names.len()]);
    }
}
