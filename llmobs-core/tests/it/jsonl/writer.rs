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
        if let Err(err) = offer(&mut sink, &batch) {
            let taken = usize::try_from(err.already_taken()).unwrap();
            let whole = out.names().iter().filter(|name| name.starts_with("step")).count();
            assert!(whole == taken || whole == taken + 1, "a line may lack its line feed");
            out.room(usize::MAX);
            offer(&mut sink, &batch[taken..]).unwrap();
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
        // What is given up here is what was not taken.
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

/// The whole way: a recorder that offers smaller and smaller parts to a writer which has room for a
/// few bytes now and then.
#[test]
fn no_line_is_written_twice_or_damaged_however_often_the_room_ends() {
    use llmobs_core::testing::FakePauses;
    use std::time::Duration;

    for step in [1, 7, 97, 601] {
        let (out, pauses) = (Narrow::default(), FakePauses::default());
        let llmobs = llmobs_core::Builder::new()
            .process_wide(false)
            .pauses(&pauses)
            .sink(JsonLines::writer(out.clone()))
            .start()
            .unwrap();
        let expected: Vec<_> = (0..40).map(|n| format!("step {n}")).collect();
        for name in &expected {
            llmobs.record(Record { name: Some(name.clone()), ..Record::default() });
        }
        let began = std::time::Instant::now();
        let waits = || {
            let losses = llmobs.losses();
            losses.open > 0 || losses.sinks[0].waiting > 0
        };
        while waits() {
            assert!(began.elapsed() < Duration::from_secs(60), "it goes on");
            // Long outages, and then a little room.
            for _ in 0..3 {
                pauses.advance(Duration::from_secs(31));
                std::thread::yield_now();
            }
            let room = out.inner().1;
            out.room(room + step * 3);
        }
        let losses = llmobs.losses();
        assert_eq!((losses.total(), losses.sinks[0].delivered), (0, 40));
        let names: Vec<_> = out.names().into_iter().filter(|name| name != "meta").collect();
        assert_eq!(names, expected, "{step} bytes at a time");
    }
}
