//! One of everything that is sent is as the registries have it, and our own registry is whole.

use std::collections::BTreeSet;
use std::path::Path;

use llmobs_conformance::{Registry, Type, markdown};
use llmobs_core::testing::samples;
use llmobs_core::{Content, Params, Prompt, Record, StepKind};
use serde_json::json;

use crate::conformance::checker;
use crate::scene::Scene;

fn everything() -> Vec<Record> {
    let params = Params {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40.0),
        max_tokens: Some(64),
        n: Some(2),
        seed: Some(7),
        stop: vec!["a".into()],
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.2),
        reasoning_effort: Some("high".into()),
        response_format: Some("json_object".into()),
        service_tier: Some("flex".into()),
        previous_response_id: Some("resp_1".into()),
        encoding_format: Some("base64".into()),
        dimensions: Some(256),
        ..Params::default()
    };
    let prompt = Prompt {
        name: "p".into(),
        version: Some("1".into()),
        variables: [("who".into(), "Ada".into())].into(),
        ..Prompt::default()
    };
    let content = Content {
        input_messages: Some(json!([])),
        output_messages: Some(json!([])),
        system_instructions: Some(json!([])),
        tool_definitions: Some(json!([])),
        arguments: Some(json!({})),
        result: Some(json!([])),
        query: Some(json!("which")),
        documents: Some(json!([])),
    };
    let mut chat = samples::streamed_chat();
    // Counts that contradict each other are in no metric.
    chat.usage.get_or_insert_default().inconsistent = false;
    chat.params = Some(Box::new(params));
    chat.prompt = Some(prompt);
    // Nobody looks for documents in a chat.
    let Content { input_messages, output_messages, system_instructions, tool_definitions, .. } =
        content.clone();
    chat.content = Some(Box::new(Content {
        input_messages,
        output_messages,
        system_instructions,
        tool_definitions,
        ..Content::default()
    }));
    let embeddings = Record { operation: Some("embeddings".into()), ..chat.clone() };
    let fetch = Record { operation: Some("fetch_response".into()), ..chat.clone() };
    let of = |operation: &'static str, api: &'static str| Record {
        operation: Some(operation.into()),
        api: Some(api.into()),
        ..chat.clone()
    };
    let others = [
        samples::media(),
        samples::read(),
        of("generate_content", "images"),
        of("generate_content", "audio_speech"),
        of("transcription", "audio_transcriptions"),
        of("translation", "audio_translations"),
        of("moderation", "moderations"),
        of("retrieval", "vector_stores"),
        of("api_call", "files"),
    ];
    let mut records = vec![chat, embeddings, fetch, samples::failed(), samples::dropped()];
    records.extend(others);
    records.push(samples::unreachable());
    let steps = [
        StepKind::Tool,
        StepKind::Agent,
        StepKind::Workflow,
        StepKind::Retrieval,
        StepKind::Plan,
        StepKind::Memory,
        StepKind::Rerank,
        StepKind::Guardrail,
        StepKind::Fallback,
    ];
    for step in steps {
        let Content { arguments, result, .. } = content.clone();
        // Nobody speaks or looks for anything in a plan.
        let content = match step {
            StepKind::Plan => Content { arguments, result, ..Content::default() },
            _ => content.clone(),
        };
        let content = Some(Box::new(content));
        // Names of the application's own are nobody's to register.
        let attributes = std::collections::BTreeMap::new();
        records.push(Record { step: Some(step), content, attributes, ..samples::told_step() });
    }
    records
}

/// Sends one of everything.
pub(crate) fn scene_of_everything() -> Scene {
    let scene = Scene::measured();
    for mut record in everything() {
        if let Some(latency) = &mut record.latency {
            latency.chunk_gaps_ms = vec![20.0];
        }
        scene.recorder().record(record);
    }
    scene.flush();
    scene
}

#[test]
fn one_of_everything_is_as_the_registries_have_it() {
    let scene = scene_of_everything();
    let spans = scene.receiver.spans();
    let attributes = spans.iter().flat_map(|span| &span.attributes);
    let keys: BTreeSet<_> = attributes.map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.len() > 80, "{}: {keys:?}", keys.len());
    let metrics: BTreeSet<_> =
        scene.receiver.metrics().into_iter().map(|metric| metric.name).collect();
    let standard = metrics.iter().filter(|name| name.starts_with("gen_ai.")).count();
    assert!(standard >= 16, "{metrics:?}");
    // What is not as the registries have it fails the test where the receiver ends.
}

/// Texts in quotes in the code of a file, comments left out.
fn literals(source: &str) -> impl Iterator<Item = String> {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
}

fn constants() -> BTreeSet<String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../llmobs-core/src"));
    let mut files = vec![folder.join("semconv.rs")];
    let entries = std::fs::read_dir(folder.join("semconv")).expect("the folder is there");
    // Names in `foreign` are read of other crates' spans, and never sent.
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    files.extend(paths.filter(|path| !path.ends_with("foreign.rs")));
    let text = |path| std::fs::read_to_string(path).expect("source is text");
    files.into_iter().flat_map(|path| literals(&text(path)).collect::<Vec<_>>()).collect()
}

fn ours() -> Registry {
    serde_json::from_str(llmobs_otlp::REGISTRY).expect("our registry is of the registries' form")
}

#[test]
fn our_registry_has_every_name_of_ours_and_no_other() {
    let ours = ours();
    let attributes = ours.attributes.iter().map(|(key, def)| match def.kind {
        Some(Type::Template(_)) => format!("{key}."),
        _ => key.clone(),
    });
    let metrics = ours.metrics.keys().cloned();
    let is_ours = |name: &String| name.starts_with("llmobs.");
    let registered: BTreeSet<_> =
        attributes.chain(metrics).chain(ours.events.keys().cloned()).filter(is_ours).collect();
    let constants: BTreeSet<_> = constants().into_iter().filter(is_ours).collect();
    let missing: Vec<_> = constants.difference(&registered).collect();
    let left_over: Vec<_> = registered.difference(&constants).collect();
    assert!(missing.is_empty(), "not in semconv/llmobs.json: {missing:?}");
    assert!(left_over.is_empty(), "in semconv/llmobs.json, and nowhere else: {left_over:?}");
}

#[test]
fn names_of_backends_are_in_our_registry_and_no_others() {
    let source = include_str!("../../../llmobs-core/src/semconv.rs");
    let (_, compat) = source.split_once("pub mod compat {").expect("the names of backends");
    let (compat, _) = compat.split_once("\n}").expect("they end");
    let named: BTreeSet<_> = literals(compat).collect();
    let ours = ours();
    let compat = ours.attributes.iter().filter(|(_, def)| def.compat.is_some());
    let registered: BTreeSet<_> = compat.map(|(key, _)| key.clone()).collect();
    assert_eq!(named, registered);
}

#[test]
fn every_name_of_the_conventions_that_we_know_is_registered() {
    let Some(checker) = checker() else { return };
    let (latest, previous) = (checker.registry(), checker.previous());
    let known = |name: &str| {
        let name = name.trim_end_matches('.');
        [latest, previous].iter().any(|registry| {
            let as_attribute = registry.attributes.contains_key(name);
            as_attribute
                || registry.metrics.contains_key(name)
                || registry.events.contains_key(name)
        })
    };
    let theirs = |name: &String| name.starts_with("gen_ai.") || name.starts_with("openai.");
    let unknown: Vec<_> =
        constants().into_iter().filter(theirs).filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn our_registry_says_of_everything_what_it_means() {
    let ours = ours();
    for (key, def) in &ours.attributes {
        if !(key.starts_with("llmobs.") || def.compat.is_some()) {
            let adds = matches!(def.kind, Some(Type::Enum(_))) && def.brief.is_empty();
            assert!(adds, "{key} is the conventions': only values can be added to it");
            continue;
        }
        assert!(def.brief.ends_with('.') && def.brief.len() > 10, "{key}: {}", def.brief);
        assert!(def.note.is_empty() || def.note.ends_with('.'), "{key}: {}", def.note);
        assert_eq!(def.stability, "development", "{key}");
        let unit = key.ends_with("_ms") && !def.brief.to_lowercase().contains("milliseconds");
        assert!(!unit, "{key} does not say its unit");
    }
    for (name, metric) in ours.metrics.iter().filter(|(name, _)| name.starts_with("llmobs.")) {
        assert!(metric.brief.ends_with('.') && !metric.unit.is_empty(), "{name}");
        let buckets = metric.instrument == "histogram";
        assert_eq!(!metric.buckets.is_empty(), buckets, "{name}");
        assert!(metric.buckets.is_sorted(), "{name}");
    }
    for (id, span) in &ours.spans {
        assert!(span.brief.ends_with('.'), "{id}");
        assert!(!span.matches.is_empty(), "{id}: nothing says which spans are of it");
        assert!(span.extends.is_some() || !span.kind.is_empty(), "{id}");
    }
}

/// `LLMOBS_BLESS=1` writes it anew.
#[test]
fn the_published_page_is_that_of_our_registry() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/SEMCONV.md");
    let page = markdown(llmobs_otlp::REGISTRY, include_str!("../../semconv/exceptions.json"))
        .expect("both are of their form");
    if std::env::var_os("LLMOBS_BLESS").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(published == page, "SEMCONV.md is not that of semconv/: run with LLMOBS_BLESS=1");
}

#[test]
fn exceptions_have_reasons_that_somebody_can_read() {
    for (exception, _) in crate::conformance::exceptions().used() {
        assert!(exception.reason.ends_with('.') && exception.reason.len() > 30, "{exception:?}");
        let named = !exception.kinds.is_empty() || !exception.attributes.is_empty();
        assert!(exception.class.is_some() && named, "an exception from everything: {exception:?}");
    }
}
