//! Whatever runs inside whatever, every record has the parent it was made under.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::future::{join_all, select_all};
use futures_util::stream;
use llmobs::testing::Records;
use llmobs::{ScopeExt, Step, StepKind};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// A step, and what runs inside it.
#[derive(Clone, Debug)]
struct Tree {
    /// How often it lets others run before its children.
    pauses: u8,
    /// Its children run in a scope with a session of their own.
    session: bool,
    how: How,
    children: Vec<Tree>,
}

/// How children are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    InTurn,
    Joined,
    /// The first to end wins; the others are dropped wherever they are.
    Selected,
    BufferUnordered,
    Spawned,
    /// On a thread each, with a runtime of its own.
    Threads,
}

fn tree() -> impl Strategy<Value = Tree> {
    let how = prop_oneof![
        Just(How::InTurn),
        Just(How::Joined),
        Just(How::Selected),
        Just(How::BufferUnordered),
        Just(How::Spawned),
        Just(How::Threads),
    ];
    let leaf = (0..4u8).prop_map(|pauses| Tree {
        pauses,
        session: false,
        how: How::InTurn,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 24, 4, move |child| {
        let children = prop::collection::vec(child, 1..4);
        (0..4u8, any::<bool>(), how.clone(), children)
            .prop_map(|(pauses, session, how, children)| Tree { pauses, session, how, children })
    })
}

type Growing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a tree as a step of this name, and its children as steps named after it.
fn grow(tree: Tree, name: String) -> Growing {
    Box::pin(async move {
        let step = Step::start(StepKind::Chain, name.clone());
        let inside = async {
            for _ in 0..tree.pauses {
                tokio::task::yield_now().await;
            }
            let children = inside(tree.how, tree.children, &name);
            match tree.session {
                true => llmobs::scope().session(name.clone()).run(children).await,
                false => children.await,
            }
        };
        step.run(inside).await;
        step.end();
    })
}

async fn inside(how: How, children: Vec<Tree>, name: &str) {
    if children.is_empty() {
        return;
    }
    let named = children.into_iter().enumerate();
    let children = named.map(|(n, child)| (child, format!("{name}.{n}")));
    let growing = |(child, name)| grow(child, name);
    match how {
        How::InTurn => {
            for child in children {
                growing(child).await;
            }
        }
        How::Joined => {
            join_all(children.map(growing)).await;
        }
        How::Selected => {
            drop(select_all(children.map(growing)).await);
        }
        How::BufferUnordered => {
            stream::iter(children.map(growing)).buffer_unordered(2).collect::<Vec<()>>().await;
        }
        How::Spawned => {
            let tasks = children.map(|child| tokio::spawn(growing(child).in_current_scope()));
            for task in tasks.collect::<Vec<_>>() {
                task.await.expect("no panic");
            }
        }
        How::Threads => {
            let threads = children.map(|child| {
                let scope = llmobs::scope();
                tokio::task::spawn_blocking(move || {
                    scope.run_sync(|| current_thread().block_on(growing(child)));
                })
            });
            for thread in threads.collect::<Vec<_>>() {
                thread.await.expect("no panic");
            }
        }
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// The session each step should have, by name; and whether a step may not have begun at all.
fn expected(
    tree: &Tree,
    name: &str,
    session: Option<&str>,
    sure: bool,
    out: &mut BTreeMap<String, (Option<String>, bool)>,
) {
    out.insert(name.to_owned(), (session.map(str::to_owned), sure));
    let session = if tree.session { Some(name) } else { session };
    for (n, child) in tree.children.iter().enumerate() {
        let sure = sure && tree.how != How::Selected;
        expected(child, &format!("{name}.{n}"), session, sure, out);
    }
}

fn check(tree: &Tree, records: &Records) -> Result<(), TestCaseError> {
    let mut steps = BTreeMap::new();
    expected(tree, "r", None, true, &mut steps);
    for record in records.iter() {
        let name = record.name.as_deref().expect("a step has a name");
        let (session, _) = steps.get(name).expect("a step of the tree");
        prop_assert_eq!(&record.session_id, session, "{}", name);
        let parent = name.rsplit_once('.').map(|(parent, _)| records.named(parent));
        prop_assert_eq!(
            record.parent_span_id,
            parent.and_then(|parent| parent.span_id),
            "{}",
            name
        );
        prop_assert_eq!(record.trace_id, records.named("r").trace_id, "{}", name);
    }
    let known = |name: &str| records.iter().any(|record| record.name.as_deref() == Some(name));
    for (name, (_, sure)) in &steps {
        prop_assert!(!sure || known(name), "{} is not there", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_record_has_the_parent_it_was_made_under(tree in tree(), threads in any::<bool>()) {
        let runtime = match threads {
            true => Builder::new_multi_thread().worker_threads(2).build().expect("a runtime"),
            false => current_thread(),
        };
        let recording = llmobs::testing::recording();
        runtime.block_on(recording.scope().run(grow(tree.clone(), "r".into())));
        drop(runtime);
        check(&tree, &recording.observed())?;
    }
}
