//! Who is observed: the resource of spans and metrics.

use std::env;

use llmobs_core::semconv::resource;
use opentelemetry::KeyValue;

use crate::attributes::{Attributes, Text};

/// What is known of the service before any record has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resource {
    /// `OTEL_SERVICE_NAME`.
    pub(crate) service: Option<String>,
    /// Set in code, then `OTEL_RESOURCE_ATTRIBUTES`.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Resource {
    /// The attributes, for a service and environment named in code; these win.
    pub(crate) fn attributes(
        &self,
        service: Option<&str>,
        environment: Option<&str>,
    ) -> Vec<KeyValue> {
        let mut out = Attributes::default();
        if let Some(service) = service.or(self.service.as_deref()) {
            out.push(resource::SERVICE_NAME, Text::Lent(service));
        }
        if let Some(environment) = environment {
            out.push(resource::ENVIRONMENT, Text::Lent(environment));
        }
        out.push(resource::SDK_NAME, llmobs_core::semconv::SCOPE_NAME);
        out.push(resource::SDK_LANGUAGE, "rust");
        out.push(resource::SDK_VERSION, env!("CARGO_PKG_VERSION"));
        for (name, value) in &self.attributes {
            out.push(name, value);
        }
        out.push(resource::SERVICE_NAME, unknown_service());
        out.into_vec()
    }
}

/// The name the specification gives to a service nobody named.
fn unknown_service() -> String {
    let program = env::current_exe().ok();
    match program.as_deref().and_then(|path| path.file_name()) {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}
