//! Who answers at which host.

use llmobs_core::semconv::provider;

/// Hosts, and the names the registry has for who answers there. A leading dot means any host below.
const HOSTS: &[(&str, &str)] = &[
    ("api.openai.com", provider::OPENAI),
    (".api.openai.com", provider::OPENAI),
    (".openai.azure.com", provider::AZURE_OPENAI),
    (".openai.azure.us", provider::AZURE_OPENAI),
    (".openai.azure.cn", provider::AZURE_OPENAI),
    // Cognitive Services hosts serve the same deployments.
    (".cognitiveservices.azure.com", provider::AZURE_OPENAI),
    (".services.ai.azure.com", provider::AZURE_INFERENCE),
    (".inference.ai.azure.com", provider::AZURE_INFERENCE),
    ("models.inference.ai.azure.com", provider::AZURE_INFERENCE),
    ("api.anthropic.com", provider::ANTHROPIC),
    ("api.cohere.com", provider::COHERE),
    ("api.cohere.ai", provider::COHERE),
    ("api.deepseek.com", provider::DEEPSEEK),
    ("generativelanguage.googleapis.com", provider::GEMINI),
    ("aiplatform.googleapis.com", provider::VERTEX_AI),
    ("api.groq.com", provider::GROQ),
    (".ml.cloud.ibm.com", provider::WATSONX),
    ("api.mistral.ai", provider::MISTRAL),
    ("codestral.mistral.ai", provider::MISTRAL),
    ("api.moonshot.ai", provider::MOONSHOT),
    ("api.moonshot.cn", provider::MOONSHOT),
    ("api.perplexity.ai", provider::PERPLEXITY),
    ("api.x.ai", provider::X_AI),
    (".api.x.ai", provider::X_AI),
];

/// Names that gateways have for those behind them, where they are not the registry's.
const NAMES: &[(&str, &str)] = &[
    ("azure", provider::AZURE_OPENAI),
    ("azure-openai", provider::AZURE_OPENAI),
    ("amazon bedrock", provider::AWS_BEDROCK),
    ("bedrock", provider::AWS_BEDROCK),
    ("google ai studio", provider::GEMINI),
    // OpenRouter's name for Vertex.
    ("google", provider::VERTEX_AI),
    ("vertex-ai", provider::VERTEX_AI),
    ("mistral", provider::MISTRAL),
    ("mistral-ai", provider::MISTRAL),
    ("moonshot", provider::MOONSHOT),
    ("moonshot ai", provider::MOONSHOT),
    ("perplexity-ai", provider::PERPLEXITY),
    ("xai", provider::X_AI),
    ("x-ai", provider::X_AI),
];

/// The registry's name for somebody a gateway named.
pub(crate) fn named(name: &str) -> Option<&'static str> {
    const SAME: [&str; 6] = [
        provider::OPENAI,
        provider::ANTHROPIC,
        provider::COHERE,
        provider::DEEPSEEK,
        provider::GROQ,
        provider::PERPLEXITY,
    ];
    let same = SAME.into_iter().find(|same| same.eq_ignore_ascii_case(name));
    let other = || NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    same.or_else(|| other().map(|(_, name)| *name))
}

/// The provider behind a host; `None` where the host's own name has to stand in.
///
/// Asked on the caller's task for each call: it allocates nothing.
pub(crate) fn of_host(host: &str) -> Option<&'static str> {
    let ends_with = |end: &str| {
        let tail = host.len().checked_sub(end.len()).and_then(|at| host.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    let starts_with =
        |start: &str| host.get(..start.len()).is_some_and(|h| h.eq_ignore_ascii_case(start));
    let named = |(known, _): &&(&str, &str)| {
        ends_with(known) && (known.starts_with('.') || host.len() == known.len())
    };
    if let Some((_, provider)) = HOSTS.iter().find(named) {
        return Some(provider);
    }
    // Regional endpoints put the region inside the name.
    if starts_with("bedrock-") && ends_with(".amazonaws.com") {
        return Some(provider::AWS_BEDROCK);
    }
    if ends_with("-aiplatform.googleapis.com") {
        return Some(provider::VERTEX_AI);
    }
    None
}
