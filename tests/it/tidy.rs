//! The rules of the house: arrows, names, sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("llmobs", &["llmobs-core", "llmobs-http", "llmobs-openai", "llmobs-otlp", "llmobs-macros"]),
    ("llmobs-core", &[]),
    ("llmobs-http", &["llmobs-core"]),
    ("llmobs-openai", &["llmobs-core", "llmobs-http"]),
    ("llmobs-otlp", &["llmobs-core"]),
    ("llmobs-macros", &[]),
    ("llmobs-cli", &["llmobs-core", "llmobs-openai"]),
    ("llmobs-conformance", &[]),
    ("llmobs-testserver", &[]),
    ("collector", &["llmobs", "llmobs-testserver"]),
    ("stress", &["llmobs", "llmobs-core", "llmobs-testserver"]),
    ("without-facade", &["llmobs-core", "llmobs-openai", "llmobs-macros"]),
];

/// What core must do without: OpenTelemetry's types break users at each bump, a client or a runtime
/// would choose for them.
const NEVER_IN_CORE: &[&str] = &["opentelemetry", "reqwest", "hyper", "tokio", "async-openai"];

/// Providers' names, which belong into `semconv` and the adapters.
const PROVIDERS: &[&str] =
    &["openai", "azure", "groq", "mistral", "anthropic", "deepseek", "litellm"];

const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn packages() -> BTreeMap<String, Vec<(String, bool, Vec<String>)>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|dep| {
                let features = dep["features"].as_array().cloned().unwrap_or_default();
                let normal = dep["kind"].is_null();
                (text(&dep["name"]), normal, features.iter().map(text).collect())
            })
            .collect()
    };
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    packages.iter().map(|package| (text(&package["name"]), dependencies(package))).collect()
}

/// Every tracked or new source file of the project, with its text.
fn files(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the project can be read").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if extensions.iter().any(|ext| name.ends_with(ext)) {
                let text = fs::read_to_string(&path).expect("source is text");
                found.push((path.strip_prefix(root()).unwrap_or(&path).to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn is_library(path: &Path) -> bool {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.any(|part| part == "src")
}

fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let ours: BTreeSet<_> = packages.keys().cloned().collect();
    let known: BTreeSet<_> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(ours, known, "a crate without its arrows");
    for (name, allowed) in ARROWS {
        for (dependency, normal, _) in &packages[*name] {
            let fine =
                !normal || !ours.contains(dependency) || allowed.contains(&dependency.as_str());
            assert!(fine, "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn core_knows_no_exporter_client_or_runtime() {
    for (dependency, normal, _) in &packages()["llmobs-core"] {
        let forbidden = NEVER_IN_CORE.iter().any(|name| dependency.starts_with(name));
        assert!(!normal || !forbidden, "llmobs-core must not depend on {dependency}");
    }
}

#[test]
fn async_openai_is_used_without_byot_and_full() {
    for (name, dependencies) in packages() {
        for (dependency, _, features) in dependencies {
            if dependency == "async-openai" {
                let harmful = features.iter().find(|f| *f == "byot" || *f == "full");
                assert_eq!(harmful, None, "{name}: `create_stream` would not ask for a stream");
            }
        }
    }
}

fn is_semconv(path: &Path) -> bool {
    path.ends_with("semconv.rs") || path.starts_with("llmobs-core/src/semconv")
}

#[test]
fn wire_names_live_in_one_place() {
    for (path, text) in files(&[".rs"]) {
        if !is_library(&path) || is_semconv(&path) {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let n = n + 1;
            assert!(!code(line).contains("\"gen_ai."), "{}:{n}: use semconv", path.display());
        }
    }
}

#[test]
fn core_names_no_provider() {
    for (path, text) in files(&[".rs"]) {
        let core = path.starts_with("llmobs-core/src") || path.starts_with("llmobs-http/src");
        if !core || is_semconv(&path) {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            let lower = code(line).to_lowercase();
            let named = PROVIDERS.iter().find(|name| lower.contains(**name));
            assert_eq!(named, None, "{}:{}", path.display(), n + 1);
        }
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines: a wall is missing", path.display());
        assert!(!path.ends_with("mod.rs"), "{}: name the file after the module", path.display());
    }
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    assert!(architecture.lines().count() <= 150, "ARCHITECTURE.md is over 150 lines");
}

#[test]
fn nothing_is_left_to_do_or_ignored() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let ignored =
        [concat!("```ig", "nore"), concat!("```rust,ig", "nore"), concat!("#[ig", "nore")];
    for (path, text) in files(&[".rs", ".md"]) {
        for (n, line) in text.lines().enumerate() {
            let left = marks.iter().chain(&ignored).find(|mark| line.contains(**mark));
            assert_eq!(left, None, "{}:{}", path.display(), n + 1);
        }
    }
}

#[test]
fn the_project_speaks_only_of_itself() {
    let foreign = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for (path, text) in files(&[".rs", ".md", ".toml", ".json", "run"]) {
        let found = foreign.iter().find(|word| text.contains(**word));
        assert_eq!(found, None, "{} names a path of some machine", path.display());
    }
}
