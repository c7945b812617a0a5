//! What retrievers and rerankers give back.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// One document that a retriever or a reranker gives back.
///
/// Ids and scores are recorded with the step; texts only where the capture policy allows outputs.
/// A pair of a document and a number is a document with that score.
///
/// ```
/// use std::borrow::Cow;
///
/// use llmobs_core::AsDocument;
///
/// struct Passage {
///     id: u64,
///     score: f32,
///     text: String,
/// }
///
/// impl AsDocument for Passage {
///     fn document_id(&self) -> Option<Cow<'_, str>> {
///         Some(self.id.to_string().into())
///     }
///
///     fn document_score(&self) -> Option<f64> {
///         Some(self.score.into())
///     }
///
///     fn document_text(&self) -> Option<Cow<'_, str>> {
///         Some(self.text.as_str().into())
///     }
/// }
/// # let passage = Passage { id: 7, score: 0.5, text: "…".into() };
/// # assert_eq!(passage.document_id().as_deref(), Some("7"));
/// # assert_eq!((passage.document_score(), passage.document_text().is_some()), (Some(0.5), true));
/// ```
pub trait AsDocument {
    /// The application's id of the document; at most 256 bytes of it are kept. An id is recorded
    /// always: it should not quote the document.
    fn document_id(&self) -> Option<Cow<'_, str>>;

    /// How well it fits, on whatever scale there is. Defaults to unknown.
    fn document_score(&self) -> Option<f64> {
        None
    }

    /// What it says: content. Defaults to unknown.
    fn document_text(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// Several documents, in their order.
///
/// Implemented for lists of [`AsDocument`]; implement it for a type that has such a list in it:
///
/// ```
/// use llmobs_core::{AsDocument, AsDocuments};
///
/// struct Page<D> {
///     hits: Vec<D>,
///     more: bool,
/// }
///
/// impl<D: AsDocument> AsDocuments for Page<D> {
///     fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
///         self.hits.documents(each);
///     }
/// }
/// ```
pub trait AsDocuments {
    /// Calls `each` with every document.
    fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument));
}

macro_rules! scored {
    ($($number:ty),*) => {
        $(impl<D: AsDocument> AsDocument for (D, $number) {
            fn document_id(&self) -> Option<Cow<'_, str>> {
                self.0.document_id()
            }

            fn document_score(&self) -> Option<f64> {
                Some(self.1.into())
            }

            fn document_text(&self) -> Option<Cow<'_, str>> {
                self.0.document_text()
            }
        })*
    };
}

scored!(f32, f64);

macro_rules! pointers {
    ($($pointer:ty),*) => {
        $(impl<D: AsDocument + ?Sized> AsDocument for $pointer {
            fn document_id(&self) -> Option<Cow<'_, str>> {
                (**self).document_id()
            }

            fn document_score(&self) -> Option<f64> {
                (**self).document_score()
            }

            fn document_text(&self) -> Option<Cow<'_, str>> {
                (**self).document_text()
            }
        }

        impl<D: AsDocuments + ?Sized> AsDocuments for $pointer {
            fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
                (**self).documents(each);
            }
        })*
    };
}

pointers!(&D, &mut D, Box<D>, Rc<D>, Arc<D>);

impl<D: AsDocument> AsDocuments for [D] {
    fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
        self.iter().for_each(|document| each(document));
    }
}

impl<D: AsDocument, const N: usize> AsDocuments for [D; N] {
    fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
        self.as_slice().documents(each);
    }
}

impl<D: AsDocument> AsDocuments for Vec<D> {
    fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
        self.as_slice().documents(each);
    }
}

impl<D: AsDocuments> AsDocuments for Option<D> {
    fn documents(&self, each: &mut dyn FnMut(&dyn AsDocument)) {
        if let Some(documents) = self {
            documents.documents(each);
        }
    }
}
