//! Prompt templates, and which text of a request came from which.
//!
//! A template is rendered on the caller's task, and what came out is remembered by its hash. When
//! the worker reads a request, each of its texts that was remembered tells its template.

mod link;
mod pieces;
mod render;
mod renderings;
mod template;

use sha2::{Digest, Sha256};

pub(crate) use self::link::{identity_of, link};
pub use self::render::{StaticPrompt, render};
pub(crate) use self::renderings::Renderings;
pub use self::template::{RenderError, Template, TemplateError};

/// Digits of the hash that stand for a version where none was given.
const VERSION_DIGITS: usize = 12;

/// SHA-256 of a template's text, in lower-case hex; `prompt!` computes the same.
fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    hex
}

/// The version of a template that was given none.
fn version(hash: &str) -> &str {
    hash.get(..VERSION_DIGITS).unwrap_or(hash)
}
