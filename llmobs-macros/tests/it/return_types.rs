//! Return types, which the expansion writes once more inside the body.

use std::borrow::Cow;
use std::error::Error;
use std::future::ready;

use llmobs_macros::trace_llm;

use crate::tree::async_steps;

trait Source {
    type Item<'s>
    where
        Self: 's;

    fn next(&mut self) -> impl Future<Output = Option<Self::Item<'_>>>;
}

struct Words<const N: usize>([&'static str; N]);

impl<const N: usize> Source for Words<N> {
    type Item<'s> = &'s [&'static str];

    #[trace_llm(crate = llmobs_core)]
    async fn next(&mut self) -> Option<Self::Item<'_>> {
        ready(()).await;
        (!self.0.is_empty()).then_some(&self.0[..1])
    }
}

impl<const N: usize> Words<N> {
    #[trace_llm(crate = llmobs_core)]
    async fn boxed(&self, word: &str) -> Result<Box<dyn Fn() -> usize + '_>, Box<dyn Error>> {
        ready(()).await;
        if word.is_empty() {
            return Err("no word".into());
        }
        let _number: u8 = word.parse()?;
        Ok(Box::new(|| self.0.len()))
    }

    #[trace_llm(crate = llmobs_core)]
    async fn cow<'w>(&self, word: Cow<'w, str>) -> (Cow<'w, str>, [u8; N]) {
        use std::iter::repeat_n;

        const DOTS: &str = ".";
        ready(()).await;
        let dots: String = repeat_n(DOTS, N).collect();
        ((word.into_owned() + &dots).into(), [0; N])
    }

    #[trace_llm(crate = llmobs_core)]
    async fn words(&mut self) -> impl Iterator<Item = &mut &'static str> {
        ready(()).await;
        self.0.iter_mut()
    }

    #[trace_llm(crate = llmobs_core)]
    fn pointer(&self, long: bool) -> Box<dyn Fn(&str) -> bool + Send> {
        if long {
            return Box::new(|word| word.len() > 1);
        }
        Box::new(str::is_empty)
    }
}

#[test]
fn what_is_returned_may_be_borrowed_boxed_opaque_or_associated() {
    let seen = async_steps(async {
        let mut words = Words(["a", "b"]);
        assert_eq!(words.next().await, Some(&["a"][..]));
        assert_eq!(words.boxed("7").await.map(|count| count()).expect("a number"), 2);
        assert!(words.boxed("").await.is_err());
        assert_eq!(words.cow("a".into()).await, ("a..".into(), [0, 0]));
        assert_eq!(words.words().await.count(), 2);
        assert!(words.pointer(true)("ab") && !words.pointer(false)("ab"));
    });
    assert_eq!(
        seen,
        "next: chain\nboxed: chain\n\
         boxed: chain, failed by alloc::boxed::Box<dyn core::error::Error>\n\
         cow: chain\nwords: chain\npointer: chain\npointer: chain\n"
    );
}
