//! What is said of a step: before its work, after it, and of each item of what it returns.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident, LitStr, Result, Signature, Token};

use crate::args::{Args, Capture, Field};
use crate::check::{Arguments, Reading, Within};

/// Everything to be said, and the names it is said with.
pub(super) struct Notes {
    /// Path of the runtime.
    pub(super) rt: TokenStream,
    pub(super) step: Ident,
    pub(super) value: Ident,
    fields: Vec<Field>,
    /// Names and ids, by their setters.
    texts: Vec<(Ident, Expr)>,
    /// Arguments that are captured.
    captured: Vec<Ident>,
    output: bool,
    /// Method that asks arguments what they know of the step, and those that are asked.
    ask: Option<Ident>,
    parties: Vec<TokenStream>,
    finds_documents: bool,
}

impl Notes {
    /// What the attribute says; an argument it names and that is not there is an error.
    pub(super) fn new(args: &Args, signature: &Signature) -> Result<Self> {
        let here = Span::mixed_site();
        let krate = &args.krate;
        let arguments = Arguments::of(signature);
        let Capture { args: capture, output } = args.capture;
        let named = arguments.without(&args.skip)?;
        let ask = match args.kind {
            "Tool" => Some("__llmobs_tool"),
            "Agent" => Some("__llmobs_agent"),
            "Workflow" => Some("__llmobs_workflow"),
            _ => None,
        };
        let receiver = arguments.receiver.map(|span| {
            let receiver = Token![self](span);
            quote!(#receiver)
        });
        let parties = arguments.parties.iter().map(|name| quote!(#name));
        Ok(Self {
            rt: quote_spanned!(here=> #krate::__private),
            step: Ident::new("__llmobs_step", here),
            value: Ident::new("__llmobs_value", here),
            fields: args.fields.clone(),
            texts: args.texts.clone(),
            captured: if capture { named } else { Vec::new() },
            output,
            ask: ask.map(|method| Ident::new(method, here)),
            parties: receiver.into_iter().chain(parties).collect(),
            finds_documents: matches!(args.kind, "Retrieval" | "Rerank" | "Memory"),
        })
    }

    /// Asks no argument that the attribute does not name: the body may have moved them away.
    pub(super) fn leave_arguments(&mut self) {
        self.parties.clear();
    }

    /// Whether something is said before the work.
    pub(super) fn says(&self) -> bool {
        self.says_always() || !self.captured.is_empty()
    }

    fn says_always(&self) -> bool {
        let asks = self.ask.is_some() && !self.parties.is_empty();
        asks || !self.fields.is_empty() || !self.texts.is_empty()
    }

    /// What is said before the work, while the arguments are all there. Nothing is looked at when
    /// nobody listens.
    pub(super) fn before(&self) -> TokenStream {
        let Self { rt, step, .. } = self;
        let here = Span::mixed_site();
        let mut said = TokenStream::new();
        if self.says_always() {
            let asked = self.ask.iter().flat_map(|ask| {
                self.parties.iter().map(move |party| {
                    quote_spanned! {here=>
                        #rt::tell(&mut #step, |#step| (&#rt::Party(&#party)).#ask(#step));
                    }
                })
            });
            let texts = self.texts.iter().map(|(setter, text)| {
                let setter = Ident::new(&setter.to_string(), here);
                // Where the expression is: that is where it may have the wrong type.
                let text = quote_spanned!(here.located_at(text.span())=> &(#text));
                let set = match setter.to_string().as_str() {
                    // Not a name: a text that may be left out, and a number.
                    "query" | "top_k" => quote_spanned!(here=> #rt::#setter(#step, #text)),
                    _ => quote_spanned!(here=> #rt::text(#step, #rt::Step::#setter, #text)),
                };
                quote_spanned!(here=> #rt::tell(&mut #step, |#step| #set);)
            });
            let fields = self.fields.iter().map(|Field { key, value }| {
                self.told(quote!(attribute), key, &quote_spanned!(here=> (#value)))
            });
            said.extend(quote_spanned! {here=>
                if #rt::Step::is_recording(&#step) {
                    use #rt::{
                        PartyAgent as _, PartyAny as _, PartyToolCall as _, PartyWorkflow as _,
                        TellDebug as _, TellNothing as _, TellSerialize as _,
                    };
                    #(#asked)*
                    #(#texts)*
                    #(#fields)*
                }
            });
        }
        if !self.captured.is_empty() {
            let captured = self.captured.iter().map(|name| {
                let key = LitStr::new(&name.unraw().to_string(), here);
                self.told(quote!(argument), &key, &quote!(#name))
            });
            said.extend(quote_spanned! {here=>
                if #rt::Step::captures_arguments(&#step) {
                    use #rt::{TellDebug as _, TellNothing as _, TellSerialize as _};
                    #(#captured)*
                }
            });
        }
        said
    }

    /// One value, by `Serialize`, else `Debug`, else not at all.
    fn told(&self, tell: TokenStream, key: &LitStr, value: &TokenStream) -> TokenStream {
        let Self { rt, step, .. } = self;
        quote_spanned! {Span::mixed_site()=>
            #rt::tell(&mut #step, |#step| {
                #rt::#tell(#step, #key, (&&&#rt::Value(&#value)).__llmobs_told());
            });
        }
    }

    /// What is said of the returned value.
    pub(super) fn after(&self, reads: bool) -> TokenStream {
        let Self { rt, step, value, .. } = self;
        let here = Span::mixed_site();
        let text = self.output;
        let documents = (self.finds_documents && !reads).then(|| {
            quote_spanned! {here=>
                if #rt::Step::is_recording(&#step) {
                    use #rt::{FoundAny as _, FoundCounted as _, FoundDocuments as _};
                    if let #rt::Some(#value) = (&#rt::Returned(&#value)).__llmobs_inside() {
                        (&&&#rt::Found(#value)).__llmobs_documents(&mut #step, #text);
                    }
                }
            }
        });
        let output = (self.output && !reads).then(|| {
            quote_spanned! {here=>
                if #rt::Step::captures_output(&#step) && !#rt::has_texts(&#step) {
                    use #rt::{TellDebug as _, TellNothing as _, TellSerialize as _};
                    if let #rt::Some(#value) = (&#rt::Returned(&#value)).__llmobs_inside() {
                        #rt::output(&mut #step, (&&&#rt::Value(#value)).__llmobs_told());
                    }
                }
            }
        });
        quote_spanned! {here=> {
            use #rt::{NoteResult as _, NoteValue as _};
            (&#rt::Returned(&#value)).__llmobs_note(&mut #step);
            #documents
            #output
        }}
    }

    /// Puts what is returned inside the step.
    pub(super) fn read(&self, reading: &Reading) -> TokenStream {
        let Self { rt, step, value, .. } = self;
        let here = Span::mixed_site();
        let output = self.output.then(|| {
            quote_spanned! {here=>
                if #rt::Step::captures_output(#step) {
                    use #rt::{TellDebug as _, TellNothing as _, TellSerialize as _};
                    if let #rt::Some(#value) = (&#rt::Returned(#value)).__llmobs_inside() {
                        #rt::item(#step, (&&&#rt::Value(#value)).__llmobs_told());
                    }
                }
            }
        });
        let inside = if reading.is_stream { quote!(stream) } else { quote!(iter) };
        let note = quote_spanned! {here=> |#value, #step| {
            use #rt::{NoteResult as _, NoteValue as _};
            (&#rt::Returned(#value)).__llmobs_note(#step);
            #output
        }};
        let through = match reading.within {
            Within::Itself => {
                return quote_spanned!(here=> #rt::#inside(#step, #value, #note));
            }
            Within::Result => quote!(read_result),
            Within::Option => quote!(read_option),
        };
        quote_spanned! {here=>
            #rt::#through(#step, #value, |#step, #value| #rt::#inside(#step, #value, #note))
        }
    }
}
