//! What an exchange is, by its method and path.

use llmobs_core::semconv::{api, operation};
use llmobs_core::{Route, Target};

use crate::provider;

/// What is known at any client.
pub(super) fn known(target: &Target<'_>) -> Option<Route> {
    let mut segments = target.path.rsplit('/').skip_while(|segment| segment.is_empty());
    let last = segments.next()?;
    let (before, before_that) = (segments.next(), segments.next());
    let (operation, api) = match (target.method, before_that, before, last) {
        ("POST", _, Some("chat"), "completions") => (operation::CHAT, api::CHAT_COMPLETIONS),
        ("POST", _, _, "completions") => (operation::TEXT_COMPLETION, api::COMPLETIONS),
        ("POST", _, _, "embeddings") => (operation::EMBEDDINGS, api::EMBEDDINGS),
        ("POST", _, _, "responses") | ("POST", _, Some("responses"), "compact") => {
            (operation::CHAT, api::RESPONSES)
        }
        ("POST", Some("responses"), Some(_), "cancel") | ("GET", _, Some("responses"), _) => {
            (operation::FETCH_RESPONSE, api::RESPONSES)
        }
        ("POST", _, Some("images"), "generations" | "edits" | "variations") => {
            (operation::GENERATE_CONTENT, api::IMAGES)
        }
        ("POST", _, Some("audio"), "speech") => (operation::GENERATE_CONTENT, api::AUDIO_SPEECH),
        ("POST", _, Some("audio"), "transcriptions") => {
            (operation::TRANSCRIPTION, api::AUDIO_TRANSCRIPTIONS)
        }
        ("POST", _, Some("audio"), "translations") => {
            (operation::TRANSLATION, api::AUDIO_TRANSLATIONS)
        }
        ("POST", _, _, "moderations") => (operation::MODERATION, api::MODERATIONS),
        _ => return None,
    };
    Some(Route { operation, api, provider: provider::of_host(target.host) })
}

/// What else a client sends that speaks to nothing but providers of models: whatever it posts.
pub(super) fn other(target: &Target<'_>) -> Option<Route> {
    if target.method != "POST" {
        return None;
    }
    // The first word that is one: what comes after it are ids, and parts of what it names.
    let api = target.path.split('/').find_map(|segment| match segment {
        "responses" => Some(api::RESPONSES),
        "images" => Some(api::IMAGES),
        _ => api::REST.iter().find(|name| **name == segment).copied(),
    });
    let searched =
        api == Some("vector_stores") && target.path.trim_end_matches('/').ends_with("/search");
    let operation = if searched { operation::RETRIEVAL } else { operation::API_CALL };
    let provider = provider::of_host(target.host);
    Some(Route { operation, api: api.unwrap_or(api::OTHER), provider })
}

/// The deployment that a path of Azure's names.
pub(super) fn deployment<'a>(target: &Target<'a>) -> Option<&'a str> {
    if target.path.starts_with("/v1/") {
        return None;
    }
    let (_, after) = target.path.split_once("/deployments/")?;
    after.split_once('/').map(|(name, _)| name).filter(|name| is_name(name))
}

/// The answer that is read, or the store that is searched.
pub(super) fn subject<'a>(target: &Target<'a>) -> Option<&'a str> {
    let after = |name: &str| {
        let mut segments = target.path.split('/').skip_while(|segment| *segment != name);
        segments.nth(1).filter(|id| is_name(id))
    };
    after("responses").or_else(|| after("vector_stores"))
}

/// Whether a segment of a path is a name as it stands.
fn is_name(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !segment.is_empty() && segment.len() <= 128 && segment.bytes().all(plain)
}
