//! The attribute `#[trace_llm]` of llmobs.

mod args;
mod check;
mod expand;
mod fallback;
mod function;

use proc_macro::TokenStream;

use self::args::Args;
use self::function::Function;

/// Observes a function.
#[proc_macro_attribute]
pub fn trace_llm(args: TokenStream, item: TokenStream) -> TokenStream {
    observe(args.into(), item.into()).into()
}

fn observe(
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let args = Args::parse(args);
    let function = syn::parse2(item.clone()).and_then(|function: Function| {
        let work = check::check(&function)?;
        Ok((function, work))
    });
    match (args, function) {
        (Ok(args), Ok((function, work))) => expand::expand(args, function, work),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            fallback::fallback(&item, &error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => fallback::fallback(&item, &error),
    }
}
