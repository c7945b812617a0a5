//! Encoded items of one signal, as many as go into one request.

use bytes::Bytes;
use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// Fields of a request, a resource's and a scope's, by what there are many of in each.
const RESOURCES: u32 = 1;
const SCOPES: u32 = 2;
const ITEMS: u32 = 2;

/// A span, log record or metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// The place in its batch of the record it was made of.
    pub(crate) record: usize,
    /// Where it ends in what is encoded.
    end: usize,
}

/// Items of one resource and scope.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    resource: Option<Resource>,
    scope: Scope,
    pub(super) items: Vec<Item>,
    /// The items one after another, as fields of their scope: a request of many is made without
    /// looking at each.
    encoded: Vec<u8>,
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
        Self { resource: Some(resource), scope, items: Vec::new(), encoded: Vec::new() }
    }

    /// The loads of a request that is encoded, one for each resource and scope; all of it is of one
    /// record.
    pub(crate) fn of_request(request: &[u8], record: usize) -> Vec<Self> {
        let resources = Request::decode(request).unwrap_or_default().resources.into_iter();
        let loads = resources.flat_map(|OfResource { resource, scopes }| {
            scopes.into_iter().map(move |OfScope { scope, items, schema_url }| {
                let scope = Scope { scope, schema_url };
                let resource = resource.clone();
                let mut load = Self { resource, scope, items: Vec::new(), encoded: Vec::new() };
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
        begin(ITEMS, item.len(), &mut self.encoded);
        self.encoded.extend_from_slice(item);
        self.items.push(Item { record, end: self.encoded.len() });
    }

    /// Bytes of all items.
    pub(super) fn bytes(&self) -> usize {
        self.encoded.len()
    }

    /// Takes the second half away; for a load of more than one item.
    pub(super) fn split_off(&mut self) -> Self {
        let mut items = self.items.split_off(self.items.len() / 2);
        let at = self.items.last().map_or(0, |last| last.end);
        items.iter_mut().for_each(|item| item.end -= at);
        let encoded = self.encoded.split_off(at);
        Self { resource: self.resource.clone(), scope: self.scope.clone(), items, encoded }
    }

    /// The request that exports it.
    pub(super) fn request(&self) -> Vec<u8> {
        let Scope { scope, schema_url } = self.scope.clone();
        let scope = OfScope { scope, items: Vec::new(), schema_url }.encode_to_vec();
        let resource = OfResource { resource: self.resource.clone(), scopes: Vec::new() };
        let resource = resource.encode_to_vec();
        let of_scope = scope.len() + self.encoded.len();
        let beginning = key_len(SCOPES) + encoded_len_varint(of_scope as u64);
        let of_resource = resource.len() + beginning + of_scope;
        // The key and the length at the very beginning are no longer.
        let mut request = Vec::with_capacity(of_resource + 16);
        begin(RESOURCES, of_resource, &mut request);
        request.extend_from_slice(&resource);
        begin(SCOPES, of_scope, &mut request);
        request.extend_from_slice(&scope);
        request.extend_from_slice(&self.encoded);
        request
    }
}

/// Writes the beginning of a message of this length.
fn begin(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}
