//! The output when something is wrong: the errors, and the item as it was.
//!
//! Without the item, one misspelled argument would be followed by an error for each of its uses.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

pub(crate) fn fallback(item: &TokenStream, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#errors #item)
}
