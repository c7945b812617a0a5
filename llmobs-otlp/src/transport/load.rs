//! Encoded items of one signal, as many as go into one request.

use std::sync::Arc;

use bytes::Bytes;
use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::heading::{self, AnyRequest, Heading, OfResource, OfScope};

/// A span, log record or metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// The place in its batch of the record it was made of.
    pub(super) record: usize,
    /// Where it ends in what is encoded.
    end: usize,
}

/// Items of one resource and scope that are gathered.
#[derive(Debug)]
pub(crate) struct Load {
    heading: Arc<Heading>,
    items: Vec<Item>,
    /// The items one after another, as fields of their scope, behind room for the heading: what they
    /// are gathered in is what is sent.
    encoded: Vec<u8>,
}

/// A load as it is sent.
#[derive(Debug)]
pub(super) struct Request {
    heading: Arc<Heading>,
    items: Vec<Item>,
    body: Bytes,
    /// Where the items begin in it.
    start: usize,
}

impl Load {
    fn new(heading: Arc<Heading>) -> Self {
        let encoded = vec![0; heading.room()];
        Self { heading, items: Vec::new(), encoded }
    }

    /// An empty load of this crate's.
    pub(super) fn of(resource: Resource) -> Self {
        let scope = InstrumentationScope {
            name: SCOPE_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let heading = Heading::new(Some(resource), Some(scope), SCHEMA_URL.to_owned());
        Self::new(Arc::new(heading))
    }

    /// The loads of a request that is encoded, one for each resource and scope; all of it is of one
    /// record.
    pub(crate) fn of_request(request: &[u8], record: usize) -> Vec<Self> {
        let resources = AnyRequest::decode(request).unwrap_or_default().resources.into_iter();
        let loads = resources.flat_map(|OfResource { resource, scopes }| {
            scopes.into_iter().map(move |OfScope { scope, items, schema_url }| {
                let heading = Heading::new(resource.clone(), scope, schema_url);
                let mut load = Self::new(Arc::new(heading));
                for item in items {
                    load.push(record, &item);
                }
                load
            })
        });
        loads.filter(|load| !load.items.is_empty()).collect()
    }

    /// Adds an item that was made of the record at this place.
    pub(super) fn push(&mut self, record: usize, item: &[u8]) {
        heading::item(item, &mut self.encoded);
        self.items.push(Item { record, end: self.bytes() });
    }

    /// Bytes of all items.
    pub(super) fn bytes(&self) -> usize {
        self.encoded.len() - self.heading.room()
    }
}

impl From<Load> for Request {
    fn from(load: Load) -> Self {
        let before = load.heading.before(load.bytes());
        let Load { heading, items, mut encoded } = load;
        let unused = heading.room() - before.len();
        for (place, byte) in encoded.iter_mut().skip(unused).zip(&before) {
            *place = *byte;
        }
        Self { heading, items, body: Bytes::from(encoded).slice(unused..), start: before.len() }
    }
}

impl Request {
    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Its items.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Bytes of all items.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() - self.start
    }

    /// The first and the second half of its items; of a request with more than one.
    pub(super) fn halves(mut self) -> [Self; 2] {
        let mut second = self.items.split_off(self.items.len() / 2);
        let at = self.items.last().map_or(0, |last| last.end);
        second.iter_mut().for_each(|item| item.end -= at);
        let (before, after) = self.body.split_at(self.start + at);
        let halves = [(self.items, before.get(self.start..)), (second, Some(after))];
        halves.map(|(items, encoded)| {
            let mut half = Load { items, ..Load::new(Arc::clone(&self.heading)) };
            half.encoded.extend_from_slice(encoded.unwrap_or_default());
            half.into()
        })
    }
}
