//! The expansion names nothing that the code around it can have taken.

use crate::tree::async_steps;

/// Everything an expansion might lean on, meaning something else.
mod shadowed {
    #![expect(dead_code, non_camel_case_types, reason = "the names are there to be in the way")]

    use ::llmobs_macros::trace_llm;

    pub(super) struct Result;
    struct Option;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct String;
    struct Vec;
    struct Box;
    struct Pin;
    struct Infallible;
    struct Step;
    struct StepKind;
    struct Returned;
    struct str;
    struct bool;
    trait Future {}
    trait FnOnce {}
    trait Drop {}
    trait Into {}
    struct Value;
    struct Party;
    struct Found;
    struct Ending;
    trait NoteResult {}
    trait NoteValue {}
    trait TellSerialize {}
    trait TellDebug {}
    trait TellNothing {}
    mod core {}
    mod std {}
    mod alloc {}
    mod llmobs {}
    mod llmobs_core {}
    fn drop() {}
    fn never() {}

    /// Methods of the runtime's names, on every type.
    trait Everywhere {
        fn start(&self) {}
        fn run(&self) {}
        fn run_sync(&self) {}
        fn end(&self) {}
        fn note(&self) {}
        fn is_recording(&self) {}
        fn captures_arguments(&self) {}
        fn inside(&self) {}
        fn text(&self) {}
    }
    impl<T: ?Sized> Everywhere for T {}

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) fn sync(number: u32) -> u32 {
        number + 1
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) async fn waits(fails: ::core::primitive::bool) -> ::core::result::Result<u32, u8> {
        ::core::future::ready(()).await;
        if fails { ::core::result::Result::Err(1) } else { ::core::result::Result::Ok(2) }
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) async fn ready() -> Result {
        Result
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) fn future() -> impl ::core::future::Future<Output = u32> {
        let three = 3;
        async move { three }
    }

    #[trace_llm(
        kind = "tool",
        crate = ::llmobs_core,
        fields(tell = number, "some" = other),
        capture(args, output),
        skip(other),
        tool_call_id = number,
    )]
    pub(super) fn told(number: u32, other: u32) -> ::core::result::Result<u32, u8> {
        ::core::result::Result::Ok(number + other)
    }

    #[trace_llm(kind = "retriever", crate = ::llmobs_core, capture(args, output))]
    pub(super) async fn found(number: u32) -> [u32; 1] {
        ::core::future::ready([number]).await
    }

    #[trace_llm(crate = ::llmobs_core, capture(output))]
    pub(super) fn read(number: u32) -> impl ::core::iter::Iterator<Item = u32> {
        ::core::iter::once(number)
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) async fn maybe_read(
        number: u32,
    ) -> ::core::result::Result<impl ::core::iter::Iterator<Item = u32>, u8> {
        ::core::result::Result::Ok(::core::iter::once(::core::future::ready(number).await))
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) fn leaves() -> ! {
        loop {
            ::std::thread::park();
        }
    }
}

/// No names but those the expansion brings itself.
#[no_implicit_prelude]
mod bare {
    use ::core::future::ready;
    use ::core::result::Result;
    use ::llmobs_macros::trace_llm;

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) fn sync(number: u32) -> u32 {
        number + 1
    }

    #[trace_llm(crate = ::llmobs_core)]
    pub(super) async fn waits() -> Result<u32, u8> {
        ready(Result::Err(1)).await
    }

    #[trace_llm(
        kind = "retriever",
        crate = ::llmobs_core,
        fields(number = number),
        capture(args, output),
    )]
    pub(super) async fn told(number: u32) -> Result<u32, u8> {
        ready(Result::Ok(number)).await
    }

    #[trace_llm(crate = ::llmobs_core, capture(output))]
    pub(super) fn read(number: u32) -> impl ::core::iter::Iterator<Item = u32> {
        ::core::iter::once(number)
    }
}

/// The variables of the expansion are nobody else's.
mod variables {
    use llmobs_macros::trace_llm;

    const STEP: u32 = 1;

    #[trace_llm(crate = llmobs_core)]
    pub(super) fn sync(step: u32, value: u32) -> u32 {
        step + value + STEP
    }

    #[trace_llm(crate = llmobs_core)]
    pub(super) async fn waits(step: u32, value: u32) -> u32 {
        std::future::ready(step).await + value
    }

    /// A constant where the expansion has a binding.
    pub(super) mod constants {
        #![expect(non_upper_case_globals, reason = "they look like variables")]

        use llmobs_macros::trace_llm;

        const step: u32 = 1;
        const value: u32 = 2;

        #[trace_llm(crate = llmobs_core)]
        pub(in super::super) async fn waits() -> u32 {
            std::future::ready(step).await + value
        }
    }
}

#[test]
fn names_around_the_function_change_nothing() {
    let seen = async_steps(async {
        assert_eq!(shadowed::sync(1), 2);
        assert_eq!(shadowed::waits(true).await, Err(1));
        let _ready = shadowed::ready().await;
        assert_eq!(shadowed::future().await, 3);
        let _never_called: fn() -> ! = shadowed::leaves;
        assert_eq!(shadowed::told(1, 2), Ok(3));
        assert_eq!(shadowed::found(1).await, [1]);
        assert_eq!(shadowed::read(1).sum::<u32>(), 1);
        assert_eq!(shadowed::maybe_read(1).await.map(Iterator::sum::<u32>), Ok(1));
        assert_eq!(bare::told(1).await, Ok(1));
        assert_eq!(bare::read(1).sum::<u32>(), 1);
        assert_eq!(bare::sync(1), 2);
        assert_eq!(bare::waits().await, Err(1));
        assert_eq!(variables::sync(1, 2), 4);
        assert_eq!(variables::waits(1, 2).await, 3);
        assert_eq!(variables::constants::waits().await, 3);
    });
    assert_eq!(
        seen,
        "sync: chain\nwaits: chain, failed by u8\nready: chain\nfuture: chain\n\
         told: tool\nfound: retrieval\nread: chain\nmaybe_read: chain\n\
         told: retrieval\nread: chain\n\
         sync: chain\nwaits: chain, failed by u8\nsync: chain\nwaits: chain\nwaits: chain\n"
    );
}
