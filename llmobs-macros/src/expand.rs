//! The output: the function with a step around its work.

mod notes;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::token::{Brace, Move};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Ident, LitStr, ReturnType, Signature, Stmt, Type, parse_quote};

use self::notes::Notes;
use crate::args::Args;
use crate::check::{Reading, Work, check, is_plain};
use crate::fallback::fallback;
use crate::function::Function;

pub(crate) fn trace_llm(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = Args::parse(args);
    let function = syn::parse2(item.clone()).and_then(|function| {
        let work = check(&function)?;
        Ok((function, work))
    });
    match (args, function) {
        (Ok(args), Ok((function, work))) => match Notes::new(&args, &function.signature) {
            Ok(notes) => expand(&args, notes, function, work),
            Err(error) => fallback(&item, &error),
        },
        (Err(mut error), Err(other)) => {
            error.combine(other);
            fallback(&item, &error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => fallback(&item, &error),
    }
}

fn expand(args: &Args, mut notes: Notes, function: Function, work: Work) -> TokenStream {
    let moved = match &work {
        Work::Tail(tail) => !tail.is_alone(),
        Work::Elsewhere(_) => true,
        Work::Sync | Work::Async => false,
    };
    if moved {
        notes.leave_arguments();
    }
    let step = Step::new(args, notes, &function.signature.ident);
    let Function { attributes, visibility, signature, brace, inner_attributes, body } = function;
    let body = match work {
        Work::Sync => step.around_sync(&Returned::of(&signature), brace, body),
        Work::Async => {
            let capture = Some(Move(Span::mixed_site()));
            step.around_async(&Returned::of(&signature), capture, brace, body)
        }
        Work::Tail(tail) => {
            let returned = Returned::from(tail.output.clone());
            let statements = tail.with(|block| {
                let inner = std::mem::take(&mut block.block.stmts);
                let inner = quote!(#(#inner)*);
                let brace = block.block.brace_token;
                let around = step.around_async(&returned, block.capture, brace, inner);
                block.block.stmts = vec![Stmt::Expr(Expr::Verbatim(around), None)];
            });
            quote!(#(#statements)*)
        }
        Work::Elsewhere(future) => {
            let made = Returned::of(&signature);
            step.around_future(&made, &Returned::from(future.output), future.boxed, brace, body)
        }
    };
    let mut tokens = quote!(#(#attributes)* #visibility #signature);
    // The user's own braces: lints take a function for generated whose end is.
    brace.surround(&mut tokens, |tokens| {
        tokens.extend(quote!(#(#inner_attributes)* #body));
    });
    tokens
}

/// What the expansion calls, and what it says of the function.
struct Step {
    /// Path of the runtime.
    rt: TokenStream,
    kind: Ident,
    name: LitStr,
    notes: Notes,
    /// Variables. Hygiene hides them from the user's code, but not the user's constants from them.
    step: Ident,
    value: Ident,
}

impl Step {
    fn new(args: &Args, notes: Notes, function: &Ident) -> Self {
        let here = Span::mixed_site();
        let name = || LitStr::new(&function.unraw().to_string(), here);
        Self {
            rt: notes.rt.clone(),
            kind: Ident::new(args.kind, here),
            name: args.name.clone().or_else(|| args.tool_name()).unwrap_or_else(name),
            step: notes.step.clone(),
            value: notes.value.clone(),
            notes,
        }
    }

    /// A closure, so that `?` and `return` leave the work and not the function.
    fn around_sync(&self, returned: &Returned, brace: Brace, body: TokenStream) -> TokenStream {
        let Self { rt, step, .. } = self;
        let here = Span::mixed_site();
        let output = returned.output(rt);
        let mut closure = quote_spanned!(here=> move || -> #output);
        generated(brace).surround(&mut closure, |tokens| tokens.extend(body));
        let run = quote_spanned!(here=> #rt::Step::run_sync(&#step, #closure));
        self.around(returned, &run)
    }

    fn around_async(
        &self,
        returned: &Returned,
        capture: Option<Move>,
        brace: Brace,
        body: TokenStream,
    ) -> TokenStream {
        let Self { rt, step, value, .. } = self;
        let here = Span::mixed_site();
        let output = returned.output(rt);
        // Never taken. Before it has seen the first `return`, the compiler does not know what an
        // `async` block gives; with this one it does, and reports a wrong value at its own place.
        let early = Ident::new(&value.to_string(), returned.span);
        let never = quote_spanned! {returned.span=>
            if let #rt::Some(#early) = #rt::never::<#output>() { return #early; }
        };
        let mut block = quote_spanned!(here=> async #capture);
        generated(brace).surround(&mut block, |tokens| {
            tokens.extend(never);
            tokens.extend(body);
        });
        // Of a function, unlike of a block, nobody minds that it returns a `JoinHandle`.
        let allow = quote_spanned!(here=> #[allow(clippy::async_yields_async)]);
        let run = quote_spanned!(here=> #rt::Step::run(&#step, #allow #block).await);
        self.around(returned, &run)
    }

    /// Around a future that the body makes: the body runs when the function is called, as it would
    /// without us, and the step is the future's.
    fn around_future(
        &self,
        made: &Returned,
        output: &Returned,
        boxed: bool,
        brace: Brace,
        body: TokenStream,
    ) -> TokenStream {
        let Self { rt, .. } = self;
        let here = Span::mixed_site();
        let future = Ident::new("__llmobs_future", here);
        let ty = made.output(rt);
        let mut closure = quote_spanned!(here=> move || -> #ty);
        generated(brace).surround(&mut closure, |tokens| tokens.extend(body));
        let waiting = quote_spanned!(here=> #future.await);
        let inside = self.around_async(output, Some(Move(here)), brace, waiting);
        let wrapped = match boxed {
            true => quote_spanned!(here=> #rt::Box::pin(async move { #inside })),
            false => quote_spanned!(here=> async move { #inside }),
        };
        quote_spanned! {here=>
            let #future = #rt::made(#closure);
            #wrapped
        }
    }

    /// Opens the step, does `run` and closes it.
    fn around(&self, returned: &Returned, run: &TokenStream) -> TokenStream {
        let Self { rt, kind, name, step, value, notes } = self;
        let here = Span::mixed_site();
        let start = quote_spanned!(here=> #rt::Step::start(#rt::StepKind::#kind, #name));
        if returned.never() {
            let (mutable, before) =
                (notes.says().then(|| quote_spanned!(here=> mut)), notes.before());
            return quote_spanned! {here=>
                let #mutable #step = #start;
                #before
                match #run {}
            };
        }
        let before = notes.before();
        let reading = Reading::of(&returned.declared);
        let after = notes.after(reading.is_some());
        let end = match reading {
            Some(reading) => notes.read(&reading),
            None if is_plain(&returned.declared) => quote_spanned! {here=>
                #rt::Step::end(#step);
                #value
            },
            // Behind an alias may be a stream in a box.
            None => quote_spanned! {here=> {
                use #rt::{EndReading as _, EndResults as _, EndValue as _};
                (&&&#rt::Ending::new(#value, #step)).__llmobs_end()
            }},
        };
        quote_spanned! {here=>
            let mut #step = #start;
            #before
            let #value = #run;
            #after
            #end
        }
    }
}

/// Braces in the place of the user's that lints know for ours.
fn generated(brace: Brace) -> Brace {
    Brace(Span::mixed_site().located_at(brace.span.join()))
}

/// The type a function or future is declared to return.
struct Returned {
    /// The type as it can be written inside a body, but for `!`.
    ty: Type,
    /// The type as it was written.
    declared: Type,
    span: Span,
}

impl Returned {
    fn of(signature: &Signature) -> Self {
        match &signature.output {
            ReturnType::Default => {
                let span = Span::mixed_site().located_at(signature.ident.span());
                Self { ty: parse_quote!(()), declared: parse_quote!(()), span }
            }
            ReturnType::Type(_, ty) => Self::from((**ty).clone()),
        }
    }

    fn never(&self) -> bool {
        matches!(self.ty, Type::Never(_))
    }

    /// The type as it can be written inside a body. `!` cannot yet, its library twin can.
    fn output(&self, rt: &TokenStream) -> TokenStream {
        if self.never() {
            return quote_spanned!(Span::mixed_site()=> #rt::Infallible);
        }
        self.ty.to_token_stream()
    }
}

impl From<Type> for Returned {
    fn from(mut ty: Type) -> Self {
        let span = Span::mixed_site().located_at(ty.span());
        let declared = ty.clone();
        EraseOpaque.visit_type_mut(&mut ty);
        Self { ty, declared, span }
    }
}

/// Writes `_` for each `impl Trait`, which stands for a new type wherever it is written.
struct EraseOpaque;

impl VisitMut for EraseOpaque {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            *ty = parse_quote!(_);
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}
