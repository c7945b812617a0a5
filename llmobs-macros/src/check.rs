//! The rules: which functions can be observed, and where in them the work is.

mod arguments;
mod reading;
mod tail;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Error, GenericArgument, PathArguments, PathSegment, Result, ReturnType, Type, TypeParamBound,
    parse_quote,
};

pub(crate) use self::arguments::Arguments;
pub(crate) use self::reading::{Reading, Within, is_plain};
pub(crate) use self::tail::Tail;
use crate::function::Function;

/// Where the work of a function is done.
pub(crate) enum Work {
    /// In the body, in one go.
    Sync,
    /// In the body of an `async fn`, over several polls.
    Async,
    /// In the `async` block the body ends with.
    Tail(Box<Tail>),
    /// In a future that the body gets from elsewhere.
    Elsewhere(Box<Elsewhere>),
}

/// A future from elsewhere.
pub(crate) struct Elsewhere {
    /// What it gives.
    pub(crate) output: Type,
    /// Whether it is returned in a box.
    pub(crate) boxed: bool,
}

/// Finds the work, or says why there is none that can be observed.
pub(crate) fn check(function: &Function) -> Result<Work> {
    let signature = &function.signature;
    if let Some(token) = &signature.constness {
        let message = "a `const fn` may run in the compiler, where nothing can be observed";
        return Err(Error::new(token.span, message));
    }
    if signature.asyncness.is_some() {
        // What never waits is done in one go, and `clippy::unused_async` sees that it is.
        let waits = may_wait(function.body.clone());
        return Ok(if waits { Work::Async } else { Work::Sync });
    }
    let ReturnType::Type(_, returned) = &signature.output else { return Ok(Work::Sync) };
    let output = future_output(returned);
    // A future behind an alias is known by the block alone.
    let tail = Tail::find(function.body.clone(), output.clone().unwrap_or_else(|| parse_quote!(_)));
    Ok(match (tail, output) {
        (Some(tail), _) => Work::Tail(Box::new(tail)),
        (None, Some(output)) => {
            let boxed = !matches!(**returned, Type::ImplTrait(_));
            Work::Elsewhere(Box::new(Elsewhere { output, boxed }))
        }
        (None, None) => Work::Sync,
    })
}

/// Whether there may be an `.await` in the tokens; macros may hide one.
fn may_wait(tokens: TokenStream) -> bool {
    let mut before = [None, None];
    for token in tokens {
        match &token {
            TokenTree::Ident(ident) if ident == "await" => return true,
            TokenTree::Group(group) => {
                if let [Some(TokenTree::Ident(name)), Some(TokenTree::Punct(bang))] = &before
                    && bang.as_char() == '!'
                    && !never_waits(&name.to_string())
                {
                    return true;
                }
                if may_wait(group.stream()) {
                    return true;
                }
            }
            _ => {}
        }
        let [_, last] = before;
        before = [last, Some(token)];
    }
    false
}

fn never_waits(name: &str) -> bool {
    NEVER_WAIT.split_whitespace().any(|known| known == name)
}

/// Macros that wait for nothing but what stands in their arguments, and keywords before a `!`. Not
/// `todo` and `unimplemented`: what is not written yet may come to wait.
const NEVER_WAIT: &str = "if in match return while \
    assert assert_eq assert_ne debug_assert debug_assert_eq debug_assert_ne matches panic \
    unreachable concat env eprintln format format_args print println vec write writeln \
    debug error info trace warn";

/// The output named in `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>`, `BoxFuture<T>`.
fn future_output(returned: &Type) -> Option<Type> {
    match returned {
        Type::ImplTrait(opaque) => opaque.bounds.iter().find_map(bound_output),
        Type::TraitObject(object) => object.bounds.iter().find_map(bound_output),
        Type::Paren(inner) => future_output(&inner.elem),
        Type::Group(inner) => future_output(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let mut types = type_arguments(last).filter_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            });
            match last.ident.to_string().as_str() {
                "Pin" | "Box" => types.find_map(future_output),
                "BoxFuture" | "LocalBoxFuture" => types.next().cloned(),
                _ => None,
            }
        }
        _ => None,
    }
}

fn bound_output(bound: &TypeParamBound) -> Option<Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let future = bound.path.segments.last().filter(|last| last.ident == "Future")?;
    type_arguments(future).find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
        _ => None,
    })
}

fn type_arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    match &segment.arguments {
        PathArguments::AngleBracketed(angle) => Some(angle.args.iter()),
        _ => None,
    }
    .into_iter()
    .flatten()
}
