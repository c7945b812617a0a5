//! What calls are grouped by.

use std::fmt;
use std::str::FromStr;

use llmobs_core::semconv::{api, operation};
use llmobs_core::{Kind, Record};

use crate::text::clean;

/// Something to group calls by.
///
/// Its names are those of `llmobs report --by`:
///
/// ```
/// use llmobs_cli::report::Dimension;
///
/// assert_eq!("prompt_version".parse(), Ok(Dimension::PromptVersion));
/// assert_eq!("tag:tenant".parse(), Ok(Dimension::Tag("tenant".to_owned())));
/// assert!("modle".parse::<Dimension>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// The exact model that answered, else the one asked for, else its deployment. Other
    /// operations than text generation get groups of their own beside it, unless
    /// [`Kind`](Self::Kind) is asked for.
    Model,
    /// Name of the prompt.
    Prompt,
    /// Name and version of the prompt, as `name@version`.
    PromptVersion,
    /// Session the application named.
    Session,
    /// User the application named.
    User,
    /// Value of the tag with this name.
    Tag(String),
    /// Who answered.
    Provider,
    /// Who answered in place of a gateway.
    ServedBy,
    /// Operation of a call. Steps get groups of their own, by their kind.
    Kind,
    /// Class of the error a call failed of.
    ErrorClass,
}

impl Dimension {
    const NAMED: [Self; 9] = [
        Self::Model,
        Self::Prompt,
        Self::PromptVersion,
        Self::Session,
        Self::User,
        Self::Provider,
        Self::ServedBy,
        Self::Kind,
        Self::ErrorClass,
    ];

    /// `None` where it is not known.
    fn of(&self, record: &Record) -> Option<String> {
        let value = match self {
            Self::Model => model(record),
            Self::Prompt => record.prompt.as_ref().map(|prompt| clean(&prompt.name)),
            Self::PromptVersion => prompt(record),
            Self::Session => record.session_id.as_deref().map(clean),
            Self::User => record.user_id.as_deref().map(clean),
            Self::Tag(name) => record.tags.get(name).map(|value| clean(value)),
            Self::Provider => record.provider.as_deref().map(clean),
            Self::ServedBy => record.served_by.as_deref().map(clean),
            Self::Kind if record.kind == Kind::Step => {
                record.step.map(|step| step.as_str().to_owned())
            }
            Self::Kind => operation(record),
            Self::ErrorClass => {
                let class = record.error.as_ref().and_then(|error| error.class);
                class.map(|class| class.as_str().to_owned())
            }
        };
        value.filter(|value| !value.is_empty())
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::PromptVersion => "prompt_version",
            Self::Session => "session",
            Self::User => "user",
            Self::Tag(name) => return write!(f, "tag:{name}"),
            Self::Provider => "provider",
            Self::ServedBy => "served_by",
            Self::Kind => "kind",
            Self::ErrorClass => "error_class",
        })
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix("tag:").filter(|name| !name.is_empty()) {
            return Ok(Self::Tag(name.to_owned()));
        }
        let named = Self::NAMED.into_iter().find(|dimension| dimension.to_string() == text);
        named.ok_or(UnknownDimension)
    }
}

/// A name that is none of a [`Dimension`]; the message lists those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are model, prompt, prompt_version, session, user, tag:NAME, provider, served_by, kind \
     and error_class"
)]
pub struct UnknownDimension;

/// The dimensions of a report, and what tells operations apart where none of them does.
#[derive(Clone, Debug)]
pub(super) struct By {
    pub(super) dimensions: Vec<Dimension>,
    /// Behind the first dimension stands the operation, where it is not text generation.
    pub(super) operations: bool,
    /// Steps have groups too.
    pub(super) steps: bool,
}

/// What a group's calls have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// One for each dimension; absent is unknown.
    pub(super) values: Vec<Option<String>>,
    /// Absent for text generation, and where it is a dimension of its own.
    pub(super) operation: Option<String>,
}

impl Default for By {
    fn default() -> Self {
        Self::new(vec![Dimension::Model, Dimension::PromptVersion])
    }
}

impl By {
    pub(super) fn new(dimensions: Vec<Dimension>) -> Self {
        let steps = dimensions.contains(&Dimension::Kind);
        let operations = !steps && dimensions.contains(&Dimension::Model);
        Self { dimensions, operations, steps }
    }

    /// The dimensions that are asked for when none are named.
    pub(super) fn is_default(&self) -> bool {
        self.dimensions == [Dimension::Model, Dimension::PromptVersion]
    }

    pub(super) fn key(&self, record: &Record) -> Key {
        let told_apart = self.operations && !is_text_generation(record);
        Key {
            values: self.dimensions.iter().map(|dimension| dimension.of(record)).collect(),
            operation: if told_apart { operation(record) } else { None },
        }
    }
}

/// The exact model that answered, else the one asked for, else its deployment.
pub(crate) fn model(record: &Record) -> Option<String> {
    let asked = record.model.as_deref().or(record.deployment.as_deref());
    record.model_version.as_deref().or(asked).map(clean)
}

/// The prompt as `name@version`.
pub(crate) fn prompt(record: &Record) -> Option<String> {
    let prompt = record.prompt.as_ref()?;
    let name = clean(&prompt.name);
    Some(match &prompt.version {
        Some(version) => format!("{name}@{}", clean(version)),
        None => name,
    })
}

/// A call's operation, with the interface where the operation alone says little.
pub(crate) fn operation(record: &Record) -> Option<String> {
    let name = clean(record.operation.as_deref()?);
    let vague = match name.as_str() {
        operation::API_CALL => true,
        operation::GENERATE_CONTENT => !is_text_generation(record),
        _ => false,
    };
    Some(match record.api.as_deref().filter(|_| vague) {
        Some(api) => format!("{name} {}", clean(api)),
        None => name,
    })
}

/// Whether a call's latency is one of a model that writes text; a call of which no operation is
/// known is taken for one.
pub(super) fn is_text_generation(record: &Record) -> bool {
    match record.operation.as_deref() {
        None | Some(operation::CHAT | operation::TEXT_COMPLETION) => true,
        Some(operation::GENERATE_CONTENT) => {
            !matches!(record.api.as_deref(), Some(api::IMAGES | api::AUDIO_SPEECH))
        }
        Some(_) => false,
    }
}
