//! OTLP over gRPC.

use std::error::Error;

use bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint as To};
use tonic::{Code, Extensions, Request, Response, Status};

use super::error::unreachable;
use super::said::Said;
use super::{Blame, Endpoint, ExportError, USER_AGENT};

/// A channel to `endpoint`, which connects at the first call. For use inside of a runtime.
pub(super) fn channel(endpoint: &Endpoint) -> Result<Channel, ExportError> {
    let failed = |err: tonic::transport::Error| {
        ExportError::permanent("no gRPC channel could be made").caused_by(err)
    };
    let url = &endpoint.url;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    let origin = format!("{}://{host}:{}", url.scheme(), port.unwrap_or(4317));
    let to = To::from_shared(origin).and_then(|to| to.user_agent(USER_AGENT)).map_err(failed)?;
    let to = to.connect_timeout(endpoint.timeout);
    #[cfg(feature = "tls")]
    let to = match url.scheme() {
        "https" => to.tls_config(endpoint.tls.of_grpc()).map_err(failed)?,
        _ => to,
    };
    Ok(to.connect_lazy())
}

/// Calls the signal's `Export` with `body`; gives the body of a good answer.
pub(super) async fn call(
    channel: Channel,
    to: &Endpoint,
    body: &Bytes,
    gzip: bool,
) -> Result<Vec<u8>, ExportError> {
    let call = unary(channel, to, body.clone(), gzip);
    match tokio::time::timeout(to.timeout, call).await {
        Ok(answer) => answer,
        Err(_) => Err(ExportError::retryable("the endpoint did not answer in time")),
    }
}

async fn unary(
    channel: Channel,
    to: &Endpoint,
    body: Bytes,
    gzip: bool,
) -> Result<Vec<u8>, ExportError> {
    let mut grpc = Grpc::new(channel);
    if gzip {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    let headers = MetadataMap::from_headers(to.headers.clone());
    let mut request = Request::from_parts(headers, Extensions::default(), body);
    request.set_timeout(to.timeout);
    grpc.ready()
        .await
        .map_err(|err| ExportError::retryable("the endpoint cannot be reached").caused_by(err))?;
    let method = http::uri::PathAndQuery::from_static(to.method);
    let answer = grpc.unary(request, method, Encoded).await;
    answer.map(Response::into_inner).map_err(|status| failed(status, gzip))
}

fn failed(status: Status, gzip: bool) -> ExportError {
    // What the other side says has no source; what happened on the way has.
    if status.source().is_some() && status.details().is_empty() {
        let message = match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => "the endpoint did not answer in time",
            Code::Unavailable => unreachable(&status),
            _ => "the connection to the endpoint broke",
        };
        return ExportError::retryable(message).caused_by(status);
    }
    let said = Said::over_grpc(status.message(), status.details());
    let name = name(status.code());
    let message = match &said.message {
        Some(message) => format!("the endpoint answered {name}: {message}"),
        None => format!("the endpoint answered {name}"),
    };
    let retryable =
        ExportError { retry_after: said.retry_after, ..ExportError::retryable(message.clone()) };
    let permanent = ExportError::permanent(message);
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if is_too_large(status.message()) => {
            permanent.blames(Blame::Size)
        }
        Code::ResourceExhausted if said.retry_after.is_none() => permanent,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted => retryable,
        Code::InvalidArgument => permanent.blames(Blame::Request),
        Code::Unimplemented if gzip => permanent.blames(Blame::Encoding),
        Code::Internal if gzip && said.is_about_encoding() => permanent.blames(Blame::Encoding),
        _ => permanent,
    }
}

/// How the usual servers say that they did not read a message to its end.
fn is_too_large(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["larger than max", "too large", "exceeds maximum size", "exceeds the limit"]
        .iter()
        .any(|words| message.contains(words))
}

/// The code's name in the specification, which is what people search for.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Messages that are bytes already.
#[derive(Debug)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(item.len());
        to.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; from.remaining()];
        from.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
