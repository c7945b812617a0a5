//! How a view may be drawn.

use std::io::IsTerminal;

/// What the output can show: its width, colors, characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    width: usize,
    color: bool,
    ascii: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 100, color: false, ascii: false }
    }
}

impl Style {
    /// What standard output can show: a terminal's width, and color unless `NO_COLOR` is set or
    /// `TERM` is `dumb`; the defaults where it is no terminal.
    #[must_use]
    pub fn stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::default();
        }
        let quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = Self::default().color(!quiet && !dumb);
        match terminal_size::terminal_size() {
            Some((width, _)) => style.width(width.0.into()),
            None => style,
        }
    }

    /// Columns to fill at most. Defaults to 100; fewer than 40 count as 40.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(40);
        self
    }

    /// Whether to color with ANSI escapes. Defaults to no.
    #[must_use]
    pub fn color(mut self, on: bool) -> Self {
        self.color = on;
        self
    }

    /// Whether to draw with ASCII only; names keep their own characters. Defaults to no.
    #[must_use]
    pub fn ascii(mut self, on: bool) -> Self {
        self.ascii = on;
        self
    }

    pub(crate) fn columns(&self) -> usize {
        self.width
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.ascii
    }

    pub(crate) fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Plain => return text.to_owned(),
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Yellow => "33",
            Paint::Green => "32",
            Paint::Cyan => "36",
        };
        // Escapes around blanks would only lengthen the line.
        if !self.color || text.trim().is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Cyan,
}
