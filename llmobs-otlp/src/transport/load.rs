//! Encoded items of one signal, as many as go into one request.

use bytes::Bytes;
use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// A span, log record or metric, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The place in its batch of the record it was made of.
    pub(crate) record: usize,
    pub(crate) bytes: Bytes,
}

/// Items of one resource and scope.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    resource: Option<Resource>,
    scope: Scope,
    pub(super) items: Vec<Item>,
    pub(super) bytes: usize,
}

/// What made the items, and by which schema.
#[derive(Clone, Debug)]
struct Scope {
    scope: Option<InstrumentationScope>,
    schema_url: String,
}

/// A request of any signal: they differ in what an item is, and nothing else.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(message, optional, tag = "1")]
    scope: Option<InstrumentationScope>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
    #[prost(string, tag = "3")]
    schema_url: String,
}

impl Load {
    /// An empty load of this crate's.
    pub(super) fn of(resource: Resource) -> Self {
        let scope = InstrumentationScope {
            name: SCOPE_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope = Scope { scope: Some(scope), schema_url: SCHEMA_URL.to_owned() };
        Self { resource: Some(resource), scope, items: Vec::new(), bytes: 0 }
    }

    /// The loads of a request that is encoded, one for each resource and scope; all of it is of one
    /// record.
    pub(crate) fn of_request(request: &[u8], record: usize) -> Vec<Self> {
        let resources = Request::decode(request).unwrap_or_default().resources.into_iter();
        let loads = resources.flat_map(|OfResource { resource, scopes }| {
            scopes.into_iter().map(move |OfScope { scope, items, schema_url }| {
                let scope = Scope { scope, schema_url };
                let resource = resource.clone();
                let mut load = Self { resource, scope, items: Vec::new(), bytes: 0 };
                for bytes in items {
                    load.push(Item { record, bytes });
                }
                load
            })
        });
        loads.filter(|load| !load.items.is_empty()).collect()
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.bytes.len();
        self.items.push(item);
    }

    /// Takes the second half away; for a load of more than one item.
    pub(super) fn split_off(&mut self) -> Self {
        let second = self.items.split_off(self.items.len() / 2);
        let bytes = second.iter().map(|item| item.bytes.len()).sum();
        self.bytes -= bytes;
        Self { resource: self.resource.clone(), scope: self.scope.clone(), items: second, bytes }
    }

    /// The request that exports it.
    pub(super) fn request(&self) -> Vec<u8> {
        let items = self.items.iter().map(|item| item.bytes.clone()).collect();
        let Scope { scope, schema_url } = self.scope.clone();
        let scopes = vec![OfScope { scope, items, schema_url }];
        let resources = vec![OfResource { resource: self.resource.clone(), scopes }];
        Request { resources }.encode_to_vec()
    }
}
