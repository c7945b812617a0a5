//! Functions that return streams and iterators: their steps last until those have been read.

use std::pin::Pin;

use futures_util::stream::{self, BoxStream, LocalBoxStream, Stream};
use futures_util::{StreamExt, TryStreamExt};
use llmobs_core::testing::Recording;
use llmobs_core::{Capture, Outcome, Record};
use llmobs_macros::trace_llm;
use serde_json::json;

use crate::tree::{async_steps, steps, tree};

#[trace_llm(kind = "tool", crate = llmobs_core)]
fn inner(n: u32) -> u32 {
    n * 2
}

#[trace_llm(crate = llmobs_core)]
fn opaque(to: u32) -> impl Stream<Item = u32> + Send + Unpin {
    stream::iter(0..to).map(inner)
}

#[trace_llm(crate = llmobs_core)]
async fn later(
    to: u32,
) -> Result<impl Stream<Item = Result<u32, std::num::ParseIntError>>, String> {
    tokio::task::yield_now().await;
    if to == 0 {
        return Err("none".into());
    }
    Ok(stream::iter((0..to).map(|n| if n == 2 { "two".parse() } else { Ok(inner(n)) })))
}

#[trace_llm(crate = llmobs_core)]
fn boxed(to: u32) -> Pin<Box<dyn Stream<Item = u32> + Send>> {
    Box::pin(stream::iter(0..to).map(inner))
}

#[trace_llm(crate = llmobs_core)]
fn borrowed(from: &[u32]) -> BoxStream<'_, u32> {
    stream::iter(from).map(|n| inner(*n)).boxed()
}

#[trace_llm(crate = llmobs_core)]
fn local<'a>(from: &'a std::rc::Rc<u32>) -> LocalBoxStream<'a, &'a u32> {
    stream::once(async move { &**from }).boxed_local()
}

type Answers = Pin<Box<dyn Stream<Item = Result<u32, String>> + Send>>;

#[trace_llm(crate = llmobs_core)]
async fn aliased(fails: bool) -> Result<Answers, std::fmt::Error> {
    tokio::task::yield_now().await;
    let last = if fails { Err("canary".to_owned()) } else { Ok(3) };
    Ok(Box::pin(stream::iter([Ok(inner(1)), last])))
}

#[trace_llm(crate = llmobs_core)]
#[expect(clippy::manual_async_fn, reason = "the shape is the test")]
fn future_of_a_stream(to: u32) -> impl Future<Output = impl Stream<Item = u32>> {
    async move {
        tokio::task::yield_now().await;
        stream::iter(0..to)
    }
}

fn only(recording: &Recording, name: &str) -> Record {
    let records = recording.records();
    let mut named = records.iter().filter(|record| record.name.as_deref() == Some(name));
    let record = named.next().expect("it was recorded").clone();
    assert!(named.next().is_none(), "once");
    record
}

#[test]
fn a_step_lasts_until_its_stream_has_ended() {
    let seen = async_steps(async {
        assert_eq!(opaque(2).collect::<Vec<_>>().await, [0, 2]);
        assert_eq!(boxed(1).collect::<Vec<_>>().await, [0]);
        assert_eq!(borrowed(&[4]).collect::<Vec<_>>().await, [8]);
        assert_eq!(local(&std::rc::Rc::new(1)).collect::<Vec<&u32>>().await, [&1]);
        assert_eq!(future_of_a_stream(1).await.collect::<Vec<_>>().await, [0]);
    });
    assert_eq!(
        seen,
        "opaque: chain\n  inner: tool\n  inner: tool\n\
         boxed: chain\n  inner: tool\n\
         borrowed: chain\n  inner: tool\n\
         local: chain\nfuture_of_a_stream: chain\n"
    );
}

#[test]
fn a_step_is_open_while_its_stream_is() {
    let recording = Recording::new();
    recording.scope().run_sync(|| {
        let mut stream = opaque(2);
        assert_eq!(recording.records().len(), 0);
        let mut next = || futures_util::FutureExt::now_or_never(stream.next());
        assert_eq!(next(), Some(Some(0)));
        inner(9);
        assert_eq!(next(), Some(Some(2)));
        assert_eq!(recording.records().len(), 3);
        assert_eq!(next(), Some(None));
        assert_eq!(recording.records().len(), 4);
        assert_eq!(next(), Some(None));
        drop(stream);
    });
    let outside = "inner: tool\n";
    let expected = "opaque: chain\n  inner: tool\n  inner: tool\n".to_owned() + outside;
    assert_eq!(tree(&recording), expected);
    assert_eq!(only(&recording, "opaque").items, Some(2));
}

#[test]
fn a_stream_that_is_dropped_early_is_recorded_as_dropped_with_its_items() {
    let recording = Recording::new();
    recording.scope().run_sync(|| {
        drop(opaque(9).take(2).collect::<Vec<_>>());
        futures_util::FutureExt::now_or_never(boxed(9).take(3).collect::<Vec<_>>());
    });
    let opaque = only(&recording, "opaque");
    assert_eq!((opaque.outcome, opaque.items), (Some(Outcome::Dropped), Some(0)));
    let boxed = only(&recording, "boxed");
    assert_eq!((boxed.outcome, boxed.items), (Some(Outcome::Dropped), Some(3)));
}

#[test]
fn an_item_that_is_an_error_fails_the_step() {
    let seen = async_steps(async {
        let stream = later(4).await.expect("there is one");
        assert!(stream.try_collect::<Vec<_>>().await.is_err());
        let stream = later(2).await.expect("there is one");
        assert_eq!(stream.try_collect::<Vec<_>>().await, Ok(vec![0, 2]));
        assert!(later(0).await.is_err());
        assert!(aliased(true).await.expect("one").try_collect::<Vec<_>>().await.is_err());
        assert!(aliased(false).await.expect("one").try_collect::<Vec<_>>().await.is_ok());
    });
    assert_eq!(
        seen,
        "later: chain, failed by core::num::error::ParseIntError\n  inner: tool\n  inner: tool\n\
         later: chain\n  inner: tool\n  inner: tool\n\
         later: chain, failed by alloc::string::String\n\
         aliased: chain, failed by alloc::string::String\n  inner: tool\n\
         aliased: chain\n  inner: tool\n"
    );
}

#[trace_llm(crate = llmobs_core)]
fn numbers(to: u32) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone {
    (0..to).map(inner)
}

#[trace_llm(crate = llmobs_core)]
fn lines(
    text: &str,
) -> Result<impl Iterator<Item = Result<u32, std::num::ParseIntError>> + '_, ()> {
    if text.is_empty() { Err(()) } else { Ok(text.split(',').map(str::parse)) }
}

#[trace_llm(crate = llmobs_core)]
fn maybe(to: Option<u32>) -> Option<impl Iterator<Item = u32>> {
    Some(0..to?)
}

#[trace_llm(crate = llmobs_core)]
fn dynamic(of: &[u32]) -> Box<dyn Iterator<Item = u32> + '_> {
    Box::new(of.iter().copied().map(inner))
}

#[test]
fn iterators_are_read_inside_their_steps_too() {
    let seen = steps(|| {
        let mut both = numbers(3);
        assert_eq!((both.len(), both.next_back(), both.next()), (3, Some(4), Some(0)));
        assert_eq!(both.clone().count(), 1);
        assert_eq!(both.count(), 1);
        assert_eq!(lines("1,2").expect("some").map_while(Result::ok).sum::<u32>(), 3);
        assert_eq!(lines("1,x").expect("some").filter(Result::is_err).count(), 1);
        assert!(lines("").is_err());
        assert_eq!(maybe(Some(2)).expect("some").sum::<u32>(), 1);
        assert!(maybe(None).is_none());
        assert_eq!(dynamic(&[1]).next(), Some(2));
    });
    assert_eq!(
        seen,
        "numbers: chain\n  inner: tool\n  inner: tool\n  inner: tool\ninner: tool\n\
         lines: chain\nlines: chain, failed by core::num::error::ParseIntError\n\
         lines: chain, failed by ()\nmaybe: chain\nmaybe: chain\n\
         dynamic: chain, dropped\n  inner: tool\n"
    );
}

#[trace_llm(crate = llmobs_core)]
fn panics() -> impl Iterator<Item = u32> {
    std::iter::repeat_with(|| -> u32 { std::panic::resume_unwind(Box::new("left")) })
}

#[test]
fn a_panic_while_reading_fails_the_step_at_once() {
    let recording = Recording::new();
    recording.scope().run_sync(|| {
        let mut iter = panics();
        let next = std::panic::AssertUnwindSafe(|| iter.next());
        assert!(std::panic::catch_unwind(next).is_err());
        assert_eq!(tree(&recording), "panics: chain, failed by panic\n");
    });
}

#[trace_llm(crate = llmobs_core, capture(output))]
fn words(of: &'static str) -> impl Iterator<Item = &'static str> {
    of.split(' ')
}

#[test]
fn items_are_output_where_that_is_captured() {
    let recording = Recording::new();
    recording.recorder().set_capture(Capture::NONE.output(true));
    recording.scope().run_sync(|| assert_eq!(words("a b c").take(2).count(), 2));
    let content = only(&recording, "words").content.expect("it is captured");
    assert_eq!(content.result, Some(json!(["a", "b"])));

    let recording = Recording::new();
    recording.scope().run_sync(|| assert_eq!(words("a b c").count(), 3));
    let record = only(&recording, "words");
    assert_eq!((record.content, record.items), (None, Some(3)));
}

#[trace_llm(crate = llmobs_core)]
fn odd_bounds() -> impl Iterator<Item = u8> + std::panic::UnwindSafe {
    [1, 2].into_iter()
}

#[test]
fn an_iterator_that_promises_more_than_we_can_keep_is_observed_while_it_is_made() {
    let recording = Recording::new();
    recording.scope().run_sync(|| assert_eq!(odd_bounds().count(), 2));
    let record = only(&recording, "odd_bounds");
    assert_eq!((record.outcome, record.items), (Some(Outcome::Completed), None));
}

#[test]
fn streams_stay_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    drop((send(opaque(1)), send(boxed(1)), send(later(1)), send(aliased(false))));
    drop(send(numbers(1)));
}
