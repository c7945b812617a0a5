//! What a request says of all its items.

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// Fields of a request, a resource's and a scope's, by what there are many of in each.
const RESOURCES: u32 = 1;
const SCOPES: u32 = 2;
const ITEMS: u32 = 2;
/// Bytes of a key up to the fifteenth, and of the longest length of a message.
const BEGINNING: usize = 1 + 10;

/// A request of any signal: they differ in what an item is, and nothing else.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) resources: Vec<OfResource>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OfResource {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    pub(super) scopes: Vec<OfScope>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OfScope {
    #[prost(message, optional, tag = "1")]
    pub(super) scope: Option<InstrumentationScope>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) items: Vec<Bytes>,
    #[prost(string, tag = "3")]
    pub(super) schema_url: String,
}

/// Whose items are, and what made them: the same for any part of them.
#[derive(Debug)]
pub(super) struct Heading {
    /// The fields of a resource's part and a scope's but for what there are many of.
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Heading {
    pub(super) fn new(
        resource: Option<Resource>,
        scope: Option<InstrumentationScope>,
        schema_url: String,
    ) -> Self {
        let resource = OfResource { resource, scopes: Vec::new() };
        let scope = OfScope { scope, items: Vec::new(), schema_url };
        Self { resource: resource.encode_to_vec(), scope: scope.encode_to_vec() }
    }

    /// Bytes that [`before`](Self::before) gives at most.
    pub(super) fn room(&self) -> usize {
        2 * BEGINNING + self.resource.len() + self.scope.len()
    }

    /// What a request has before so many bytes of items.
    pub(super) fn before(&self, items: usize) -> Vec<u8> {
        let of_scope = self.scope.len() + items;
        let scope = key_len(SCOPES) + encoded_len_varint(of_scope as u64) + of_scope;
        let mut out = Vec::with_capacity(self.room());
        begin(RESOURCES, self.resource.len() + scope, &mut out);
        out.extend_from_slice(&self.resource);
        begin(SCOPES, of_scope, &mut out);
        out.extend_from_slice(&self.scope);
        out
    }
}

/// Writes an item as the field of its scope that it is.
pub(super) fn item(item: &[u8], out: &mut Vec<u8>) {
    begin(ITEMS, item.len(), out);
    out.extend_from_slice(item);
}

/// Writes the beginning of a message of this length.
fn begin(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}
