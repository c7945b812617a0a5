//! Who answered, where the host does not say.

use llmobs_core::Record;
use llmobs_core::semconv::provider;

use crate::decode::kept::identifier;
use crate::provider::{named, of_host};

/// What was seen that only one provider, or only a gateway, sends.
///
/// It names the provider of a call to a host nobody knows: a proxy that hands everything through.
/// A gateway is the provider itself, whoever stands behind it. Evidence of two is evidence of none.
#[derive(Debug, Default)]
pub(in crate::decode) struct Evidence {
    seen: Seen,
    azure_id: bool,
    azure_region: bool,
    openai_time: bool,
    openai_version: bool,
    openai_organization: bool,
    gateway: bool,
    /// Who answered, as a gateway says.
    served_by: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Seen {
    #[default]
    Nobody,
    One(&'static str),
    Several,
}

/// Whether this can be a company's name, and is no sentence.
fn is_name(name: &str) -> bool {
    name.len() <= 40
        && name.split(' ').count() <= 3
        && name.split(' ').all(|word| identifier(word).is_some())
}

/// Whether a header is one that only gateways set.
pub(super) fn is_gateway(name: &str) -> bool {
    const STARTS: [&str; 4] = ["x-litellm-", "x-portkey-", "cf-aig-", "helicone-"];
    STARTS.iter().any(|start| name.starts_with(start))
}

impl Evidence {
    pub(in crate::decode) fn groq(&mut self) {
        self.saw(provider::GROQ);
    }

    pub(super) fn mistral(&mut self) {
        self.saw(provider::MISTRAL);
    }

    pub(super) fn deepseek(&mut self) {
        self.saw(provider::DEEPSEEK);
    }

    pub(super) fn moonshot(&mut self) {
        self.saw(provider::MOONSHOT);
    }

    pub(super) fn anthropic(&mut self) {
        self.saw(provider::ANTHROPIC);
    }

    pub(super) fn bedrock(&mut self) {
        self.saw(provider::AWS_BEDROCK);
    }

    /// Azure's API management answered; it is the provider where its region is told, too.
    pub(super) fn azure_id(&mut self) {
        self.azure_id = true;
    }

    pub(super) fn azure_region(&mut self) {
        self.azure_region = true;
    }

    /// Many imitate one of OpenAI's headers; it is the provider where all three are there.
    pub(super) fn openai_time(&mut self) {
        self.openai_time = true;
    }

    pub(super) fn openai_version(&mut self) {
        self.openai_version = true;
    }

    pub(super) fn openai_organization(&mut self) {
        self.openai_organization = true;
    }

    /// A gateway answered.
    pub(super) fn gateway(&mut self) {
        self.gateway = true;
    }

    /// A gateway says whom it asked.
    pub(in crate::decode) fn served_by(&mut self, name: &str) {
        self.gateway = true;
        let name = name.trim();
        let known = named(name).map(str::to_owned);
        if let Some(name) = known.or_else(|| is_name(name).then(|| name.to_owned())) {
            self.served_by = Some(name);
        }
    }

    /// A gateway says where it asked. The address may be of somebody's own network: only the names
    /// of those that all know are kept.
    pub(super) fn served_at(&mut self, url: &str) {
        self.gateway = true;
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = authority.split(['/', ':', '?']).next().unwrap_or_default();
        if let Some(name) = of_host(host) {
            self.served_by.get_or_insert_with(|| name.to_owned());
        }
    }

    fn saw(&mut self, provider: &'static str) {
        self.seen = match self.seen {
            Seen::Nobody => Seen::One(provider),
            Seen::One(before) if before == provider => self.seen,
            _ => Seen::Several,
        };
    }

    fn provider(&mut self) -> Option<&'static str> {
        if self.azure_id && self.azure_region {
            self.saw(provider::AZURE_OPENAI);
        } else if self.openai_time && self.openai_version && self.openai_organization {
            self.saw(provider::OPENAI);
        }
        match self.seen {
            Seen::One(provider) => Some(provider),
            Seen::Nobody | Seen::Several => None,
        }
    }

    pub(super) fn finish(mut self, record: &mut Record) {
        let provider = self.provider();
        // A host that is its own name for the provider is one that nobody knows.
        let unknown = record.server.as_ref().is_some_and(|server| {
            record.provider.as_deref().is_some_and(|known| known == server.address)
        });
        if !self.gateway {
            if let Some(provider) = provider.filter(|_| unknown) {
                record.provider = Some(provider.into());
            }
        } else if let Some(served_by) = self.served_by {
            record.served_by = Some(served_by.into());
        } else if let Some(provider) = provider.filter(|_| unknown) {
            record.served_by = Some(provider.into());
        }
    }
}
