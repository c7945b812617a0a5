//! Functions that return a future, and those that never return.

use std::pin::Pin;

use llmobs_macros::trace_llm;

use crate::tree::async_steps;

#[trace_llm(crate = llmobs_core)]
fn future(number: u32) -> impl Future<Output = Result<u32, std::num::ParseIntError>> + Send {
    let text = number.to_string();
    async move {
        tokio::task::yield_now().await;
        Ok(text.parse::<u32>()? + 1)
    }
}

#[trace_llm(crate = llmobs_core)]
fn borrowing<'a>(number: &'a u32) -> Pin<Box<dyn Future<Output = u32> + Send + 'a>> {
    Box::pin(async { std::future::ready(*number).await })
}

type Aliased<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[trace_llm(crate = llmobs_core)]
fn aliased(number: &u32) -> Aliased<'_, Option<u32>> {
    Box::pin(async move {
        let number = std::future::ready(number).await;
        number.checked_add(1)
    })
}

/// What `futures` has for futures.
trait Boxed: Future + Sized {
    fn boxed<'a>(self) -> Aliased<'a, Self::Output>
    where
        Self: Send + 'a,
    {
        Box::pin(self)
    }
}

impl<F: Future> Boxed for F {}

#[trace_llm(crate = llmobs_core)]
fn boxed<'a>() -> Aliased<'a, u32> {
    async { std::future::ready(5).await }.boxed()
}

#[test]
fn a_returned_future_is_observed_when_it_runs() {
    let seen = async_steps(async {
        drop(future(0));
        assert_eq!(future(1).await, Ok(2));
        assert_eq!(borrowing(&3).await, 3);
        drop((aliased(&4), boxed()));
        assert_eq!((aliased(&4).await, boxed().await), (Some(5), 5));
    });
    assert_eq!(seen, "future: chain\nborrowing: chain\naliased: chain\nboxed: chain\n");
}

#[trace_llm(crate = llmobs_core)]
fn leave() -> ! {
    std::panic::resume_unwind(Box::new("left"))
}

#[trace_llm(crate = llmobs_core)]
async fn serve() -> ! {
    tokio::task::yield_now().await;
    loop {
        std::future::pending::<()>().await;
    }
}

#[test]
fn functions_that_never_return_are_observed_too() {
    let seen = async_steps(async {
        let left = std::panic::catch_unwind(|| leave());
        assert!(left.is_err());
        tokio::select! {
            biased;
            _ = serve() => {}
            () = tokio::task::yield_now() => {}
        }
    });
    assert_eq!(seen, "leave: chain, failed by panic\nserve: chain, dropped\n");
}

#[trace_llm(crate = llmobs_core)]
async fn inner(fails: bool) -> Result<u32, std::fmt::Error> {
    tokio::task::yield_now().await;
    if fails { Err(std::fmt::Error) } else { Ok(1) }
}

#[trace_llm(crate = llmobs_core)]
fn elsewhere(fails: bool) -> impl Future<Output = Result<u32, std::fmt::Error>> + Send {
    inner(fails)
}

#[trace_llm(crate = llmobs_core, capture(args))]
fn elsewhere_in_a_box<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    if text.is_empty() {
        return Box::pin(std::future::ready(0));
    }
    let length = async { text.len() };
    Box::pin(length)
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Client;

impl Client {
    #[trace_llm(crate = llmobs_core)]
    fn ask<'a, T: Clone + Send + Sync + 'a>(&'a self, value: &'a T) -> BoxFuture<'a, T> {
        let told = std::future::ready(value.clone());
        Box::pin(told)
    }
}

#[test]
fn a_future_from_elsewhere_is_observed_like_one_that_is_written_out() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let seen = async_steps(async {
        drop(elsewhere(false));
        assert_eq!(is_send(elsewhere(false)).await, Ok(1));
        assert!(elsewhere(true).await.is_err());
        assert_eq!(elsewhere_in_a_box("").await + elsewhere_in_a_box("four").await, 4);
        assert_eq!(is_send(Client.ask(&7)).await, 7);
    });
    let failed = "chain, failed by core::fmt::Error";
    let expected = format!(
        "elsewhere: chain\n  inner: chain\nelsewhere: {failed}\n  inner: {failed}\n\
         elsewhere_in_a_box: chain\nelsewhere_in_a_box: chain\nask: chain\n"
    );
    assert_eq!(seen, expected);
}
