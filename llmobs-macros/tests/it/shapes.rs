//! Every shape of function the attribute goes on.

use std::fmt::Debug;

use async_trait::async_trait;
use llmobs_macros::trace_llm;

use crate::tree::{async_steps, steps};

#[trace_llm(crate = llmobs_core)]
fn plain() -> u32 {
    7
}

#[trace_llm(kind = "retriever", name = "kb.search", crate = llmobs_core)]
async fn search(query: &str) -> usize {
    tokio::task::yield_now().await;
    query.len()
}

#[trace_llm(crate = llmobs_core)]
async fn ready(query: String) -> String {
    query
}

#[trace_llm(crate = llmobs_core)]
pub(crate) fn r#match() {}

#[test]
fn a_function_gives_its_name_and_is_a_chain() {
    assert_eq!(steps(|| assert_eq!(plain(), 7)), "plain: chain\n");
}

#[test]
fn kind_and_name_can_be_given() {
    let seen = async_steps(async { assert_eq!(search("abc").await, 3) });
    assert_eq!(seen, "kb.search: retrieval\n");
}

#[test]
fn an_async_function_that_never_waits_is_observed_when_polled() {
    let seen = async_steps(async {
        drop(ready("never polled".into()));
        assert_eq!(ready("x".into()).await, "x");
    });
    assert_eq!(seen, "ready: chain\n");
}

#[trace_llm(crate = llmobs_core)]
async fn in_a_macro() -> (usize, String) {
    tokio::join!(search("ab"), ready("c".into()))
}

#[trace_llm(crate = llmobs_core)]
async fn in_an_argument() {
    assert_eq!(format!("{}", ready("c".into()).await), "c");
}

#[test]
fn an_await_within_a_macro_is_waited_for() {
    let seen = async_steps(async {
        assert_eq!(in_a_macro().await, (2, "c".into()));
        in_an_argument().await;
    });
    assert_eq!(
        seen,
        "in_a_macro: chain\n  kb.search: retrieval\n  ready: chain\n\
         in_an_argument: chain\n  ready: chain\n"
    );
}

#[test]
fn a_raw_name_is_recorded_without_its_mark() {
    assert_eq!(steps(r#match), "match: chain\n");
}

macro_rules! every_kind {
    ($($kind:literal $function:ident $recorded:literal)*) => {
        $(#[trace_llm(kind = $kind, crate = llmobs_core)]
        fn $function() {})*

        #[test]
        fn every_kind_is_recorded_under_its_name() {
            $(assert_eq!(
                steps($function),
                concat!(stringify!($function), ": ", $recorded, "\n")
            );)*
        }
    };
}

every_kind! {
    "prompt" prompt "prompt"
    "router" router "router"
    "retriever" retriever "retrieval"
    "reranker" reranker "rerank"
    "embedding" embedding "embedding"
    "tool" tool "tool"
    "agent" agent "agent"
    "workflow" workflow "workflow"
    "chain" chain "chain"
    "guardrail" guardrail "guardrail"
    "postprocess" postprocess "postprocess"
    "evaluator" evaluator "evaluator"
    "llm" llm "llm"
}

#[derive(Debug, Default)]
struct Store {
    documents: Vec<String>,
}

impl Store {
    #[trace_llm(crate = llmobs_core)]
    fn first(&self) -> Option<&str> {
        let first = self.documents.first()?;
        Some(first)
    }

    #[trace_llm(crate = llmobs_core)]
    fn slot(&mut self) -> &mut String {
        self.documents.push(String::new());
        self.documents.last_mut().expect("one was pushed")
    }

    #[trace_llm(crate = llmobs_core)]
    async fn last<'s>(&'s mut self, fallback: &'s str) -> &'s str {
        tokio::task::yield_now().await;
        self.documents.retain(|document| !document.is_empty());
        self.documents.last().map_or(fallback, String::as_str)
    }

    #[trace_llm(crate = llmobs_core)]
    fn into_documents(self) -> Vec<String> {
        self.documents
    }

    #[trace_llm(crate = llmobs_core)]
    async fn close(mut self) -> usize {
        self.documents.clear();
        std::future::ready(self.documents.len()).await
    }

    #[trace_llm(crate = llmobs_core)]
    fn boxed(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        Box::new(self.documents.iter())
    }

    #[trace_llm(crate = llmobs_core)]
    fn lazy(&self) -> impl Iterator<Item = &String> {
        self.documents.iter()
    }
}

#[test]
fn methods_take_self_in_every_way() {
    let seen = async_steps(async {
        let mut store = Store { documents: vec!["a".into()] };
        assert_eq!(store.first(), Some("a"));
        store.slot().push('b');
        assert_eq!(store.last("none").await, "b");
        assert_eq!((store.boxed().count(), store.lazy().count()), (2, 2));
        assert_eq!(store.into_documents(), ["a", "b"]);
        assert_eq!(Store::default().close().await, 0);
    });
    assert_eq!(
        seen,
        "first: chain\nslot: chain\nlast: chain\nboxed: chain\nlazy: chain\n\
         into_documents: chain\nclose: chain\n"
    );
}

#[trace_llm(crate = llmobs_core)]
fn top<T, const N: usize>(of: &[T]) -> [T; N]
where
    T: Clone + Default + Debug,
{
    std::array::from_fn(|at| of.get(at).cloned().unwrap_or_default())
}

#[trace_llm(crate = llmobs_core)]
async fn longest<'a, I>(of: I, (least, _): (usize, ())) -> Option<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    tokio::task::yield_now().await;
    of.into_iter().max_by_key(|text| text.len()).filter(|text| text.len() >= least)
}

#[trace_llm(crate = llmobs_core)]
async fn opaque(mut of: impl Iterator<Item = u32>) -> Result<impl Iterator<Item = u32>, String> {
    tokio::task::yield_now().await;
    let first = of.next().ok_or("empty")?;
    Ok(of.map(move |next| next + first))
}

#[test]
fn generics_bounds_and_patterns_stay_as_they_are() {
    let seen = async_steps(async {
        assert_eq!(top::<_, 2>(&[1, 2, 3]), [1, 2]);
        assert_eq!(longest(["a", "bb"], (1, ())).await, Some("bb"));
        assert_eq!(opaque([1, 2].into_iter()).await.expect("not empty").sum::<u32>(), 3);
    });
    assert_eq!(seen, "top: chain\nlongest: chain\nopaque: chain\n");
}

trait Retriever {
    fn retrieve(&self, query: &str) -> impl Future<Output = Result<u32, String>> + Send;

    #[trace_llm(kind = "reranker", crate = llmobs_core)]
    fn rerank(&self, found: u32) -> u32 {
        found
    }
}

impl Retriever for Store {
    #[trace_llm(kind = "retriever", crate = llmobs_core)]
    async fn retrieve(&self, query: &str) -> Result<u32, String> {
        tokio::task::yield_now().await;
        let found: u32 = query.parse().map_err(|_| "no number")?;
        Ok(self.rerank(found))
    }
}

#[async_trait]
trait Judge: Sync {
    async fn judge(&self, answer: &str) -> Result<u8, std::num::ParseIntError>;

    #[trace_llm(kind = "evaluator", crate = llmobs_core)]
    async fn twice(&self, answer: &str) -> Result<u8, std::num::ParseIntError> {
        Ok(self.judge(answer).await? * 2)
    }
}

#[async_trait]
impl Judge for Store {
    #[trace_llm(crate = llmobs_core)]
    async fn judge(&self, answer: &str) -> Result<u8, std::num::ParseIntError> {
        tokio::task::yield_now().await;
        answer.parse()
    }
}

#[async_trait(?Send)]
trait Local {
    async fn count(&self, shared: std::rc::Rc<u8>) -> u8;
}

#[async_trait(?Send)]
impl Local for Store {
    #[trace_llm(crate = llmobs_core)]
    async fn count(&self, shared: std::rc::Rc<u8>) -> u8 {
        tokio::task::yield_now().await;
        *shared
    }
}

#[test]
fn trait_methods_are_observed_where_they_have_a_body() {
    let seen = async_steps(async {
        let store = Store::default();
        assert_eq!(store.retrieve("4").await, Ok(4));
        assert_eq!(store.twice("4").await, Ok(8));
        assert!(store.twice("four").await.is_err());
        assert_eq!(store.count(std::rc::Rc::new(2)).await, 2);
    });
    assert_eq!(
        seen,
        "retrieve: retrieval\n  rerank: rerank\n\
         twice: evaluator\n  judge: chain\n\
         twice: evaluator, failed by core::num::error::ParseIntError\n  \
         judge: chain, failed by core::num::error::ParseIntError\n\
         count: chain\n"
    );
}

#[trace_llm(crate = llmobs_core)]
#[tokio::main(flavor = "current_thread")]
async fn main_inside() {
    tokio::task::yield_now().await;
}

#[tokio::main(flavor = "current_thread")]
#[trace_llm(crate = llmobs_core)]
async fn main_outside() {
    tokio::task::yield_now().await;
}

#[test]
fn the_attributes_of_a_runtime_go_along_in_either_order() {
    assert_eq!(steps(main_inside), "main_inside: chain\n");
    assert_eq!(steps(main_outside), "main_outside: chain\n");
}

#[trace_llm(crate = llmobs_core)]
pub(crate) extern "C" fn traced_for_c(number: u32) -> u32 {
    number
}

#[test]
fn the_calling_convention_stays() {
    let function: extern "C" fn(u32) -> u32 = traced_for_c;
    assert_eq!(steps(|| assert_eq!(function(2), 2)), "traced_for_c: chain\n");
}

#[trace_llm(crate = llmobs_core)]
fn recursive(depth: u32) -> u32 {
    if depth == 0 { 0 } else { recursive(depth - 1) + 1 }
}

#[trace_llm(crate = llmobs_core)]
async fn deeper(depth: u32) -> u32 {
    if depth == 0 { 0 } else { Box::pin(deeper(depth - 1)).await + 1 }
}

#[test]
fn recursion_nests() {
    let seen = steps(|| assert_eq!(recursive(2), 2));
    assert_eq!(seen, "recursive: chain\n  recursive: chain\n    recursive: chain\n");
    let seen = async_steps(async { assert_eq!(deeper(1).await, 1) });
    assert_eq!(seen, "deeper: chain\n  deeper: chain\n");
}

macro_rules! function {
    ($name:ident, $body:block) => {
        #[trace_llm(crate = llmobs_core)]
        async fn $name() -> u32 $body
    };
}

function!(from_a_macro, { std::future::ready(5).await });

#[test]
fn functions_made_by_macros_are_observed() {
    let seen = async_steps(async { assert_eq!(from_a_macro().await, 5) });
    assert_eq!(seen, "from_a_macro: chain\n");
}
