//! Templates that are only known at run time.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::pieces::{Piece, Pieces};
use super::render::{Source, render_from};
use super::{hash, version};

/// A prompt template that is only known at run time: from a file, a registry, a database.
///
/// The language is that of `prompt!`: `{name}` is a variable, `{{` and `}}` are braces. So is the
/// identity: the same name, version and text make the same prompt in the records, whichever way it
/// came. A text that was rendered and is sent as a message, or as a text part of one, links the call
/// to the template.
///
/// ```
/// use llmobs_core::Template;
///
/// let text = "Answer {question} from:\n{context}"; // from wherever it is kept
/// let template = Template::new("support-answer", text)?.version("3");
/// let prompt = template.render([("question", "When?"), ("context", "On Monday.")])?;
/// assert_eq!(prompt, "Answer When? from:\nOn Monday.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Values of several types go in as `&dyn Display`:
///
/// ```
/// # use std::fmt::Display;
/// # use llmobs_core::Template;
/// let template = Template::new("top", "The {count} best of {place}")?;
/// let values: [(&str, &dyn Display); 2] = [("count", &3), ("place", &"Oslo")];
/// assert_eq!(template.render(values)?, "The 3 best of Oslo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Template(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    name: String,
    version: Option<String>,
    hash: String,
    text: String,
}

impl Template {
    /// A template of this name and text. The text is taken as it is, its last line end included.
    ///
    /// # Errors
    ///
    /// When the text is no template: a brace stands alone, or something else than a name stands
    /// between two.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Self, TemplateError> {
        let (name, text) = (name.into(), text.into());
        if let Some(error) = Pieces::of(&text).find_map(Result::err) {
            return Err(error);
        }
        Ok(Self(Arc::new(Inner { name, version: None, hash: hash(&text), text })))
    }

    /// Sets the version. Defaults to the first twelve digits of the hash.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).version = Some(version.into());
        self
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// SHA-256 of the text, in lower-case hex: what `sha256sum` says of a file that holds it.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// The version it was given, else the one that stands for its text.
    pub fn version_or_hash(&self) -> &str {
        self.0.version.as_deref().unwrap_or_else(|| version(&self.0.hash))
    }

    /// Names of its variables, each once, in the order of the text.
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for piece in Pieces::of(&self.0.text) {
            if let Ok(Piece::Variable(name)) = piece
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names
    }

    /// The text with these values in it.
    ///
    /// A value the template has no variable for is ignored: whoever edits a template in a registry
    /// may drop a variable without a release of the service. [`variables`](Self::variables) tells
    /// what it takes. Of several values of one name the first counts.
    ///
    /// # Errors
    ///
    /// When a variable has no value; the error says which.
    pub fn render<N: AsRef<str>, V: fmt::Display>(
        &self,
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Result<String, RenderError> {
        let values: Vec<(N, V)> = values.into_iter().collect();
        let value = |name: &str| {
            let (_, value) = values.iter().find(|(given, _)| given.as_ref() == name)?;
            Some(value as &dyn fmt::Display)
        };
        let source = || Source::Template(self.clone());
        render_from(&self.0.text, value, source).map_err(|missing| RenderError { missing })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.name())
            .field("version", &self.version_or_hash())
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

/// Why a text is no template. Places are in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A `{` has no `}`.
    #[error("the `{{` at byte {at} is never closed; a brace of the text is written `{{{{`")]
    Unclosed {
        /// Where it is.
        at: usize,
    },
    /// A `}` has no `{`.
    #[error("the `}}` at byte {at} closes nothing; a brace of the text is written `}}}}`")]
    Unopened {
        /// Where it is.
        at: usize,
    },
    /// Something else than a name stands between braces.
    #[error("the braces at byte {at} hold no variable's name; braces of the text are doubled")]
    NotAName {
        /// Where the `{` is.
        at: usize,
    },
}

/// A template's variables that were given no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template has no value for {}", list(missing))]
pub struct RenderError {
    missing: Vec<String>,
}

impl RenderError {
    /// Names of the variables, each once, in the order of the template.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }
}

fn list(names: &[String]) -> Cow<'_, str> {
    match names {
        [name] => Cow::Borrowed(name),
        names => Cow::Owned(names.join(", ")),
    }
}
