//! The grammar of templates: `{name}` is a variable, `{{` and `}}` are braces, all else is text.

use memchr::memchr2;

use super::TemplateError;

/// A piece of a template, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// The pieces of a template; nothing comes after the first mistake.
#[derive(Debug)]
pub(super) struct Pieces<'t> {
    rest: &'t str,
    /// Where in the template the rest begins, in bytes.
    at: usize,
}

impl<'t> Pieces<'t> {
    pub(super) fn of(template: &'t str) -> Self {
        Self { rest: template, at: 0 }
    }

    fn take(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        (self.rest, self.at) = (rest, self.at + taken.len());
        taken
    }

    fn brace(&mut self) -> Result<Piece<'t>, TemplateError> {
        let at = self.at;
        if self.rest.starts_with("{{") || self.rest.starts_with("}}") {
            let brace = self.take(1);
            self.take(1);
            return Ok(Piece::Text(brace));
        }
        if self.rest.starts_with('}') {
            return Err(TemplateError::Unopened { at });
        }
        let Some(end) = self.rest.find('}') else { return Err(TemplateError::Unclosed { at }) };
        let name = self.take(end + 1).trim_matches(['{', '}']);
        if is_name(name) { Ok(Piece::Variable(name)) } else { Err(TemplateError::NotAName { at }) }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, TemplateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let text = memchr2(b'{', b'}', self.rest.as_bytes()).unwrap_or(self.rest.len());
        if text > 0 {
            return Some(Ok(Piece::Text(self.take(text))));
        }
        let piece = self.brace();
        if piece.is_err() {
            self.rest = "";
        }
        Some(piece)
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    name != "_"
        && chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}
