//! The input: a function as far as the expansion needs to know it.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::token::Brace;
use syn::{Attribute, Error, Result, Signature, Token, Visibility, braced};

/// A function with a body. The body is kept as tokens, so that syntax too new for the parser, and
/// half-typed code in an editor, come out as they went in.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) brace: Brace,
    /// Attributes at the beginning of the body.
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if !starts_function(input) {
            return Err(input.error("`#[trace_llm]` goes on a function or method"));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message = "there is no body to observe; put `#[trace_llm]` on the implementations";
            return Err(Error::new(signature.ident.span(), message));
        }
        let content;
        let brace = braced!(content in input);
        let inner_attributes = content.call(Attribute::parse_inner)?;
        let body = content.parse()?;
        Ok(Self { attributes, visibility, signature, brace, inner_attributes, body })
    }
}

fn starts_function(input: ParseStream<'_>) -> bool {
    // `const`, `unsafe` and `extern` begin other items as well.
    let fork = input.fork();
    while fork.peek(Token![const])
        || fork.peek(Token![async])
        || fork.peek(Token![unsafe])
        || fork.peek(Token![extern])
        || fork.peek(syn::LitStr)
    {
        let _ = fork.parse::<proc_macro2::TokenTree>();
    }
    fork.peek(Token![fn])
}
