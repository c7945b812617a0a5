//! What can be wrong with a set-up.

/// A set-up that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// An endpoint that is no http or https URL.
    #[error("the OTLP endpoint is no http or https URL")]
    Endpoint,
    /// A header HTTP does not allow, by its name.
    #[error("the OTLP header `{name}` has a name or a value that HTTP does not allow")]
    Header {
        /// The header's name.
        name: String,
    },
    /// An entry of a variable with headers that is none. What it says is not told, since it may be a
    /// secret.
    #[error(
        "entry {entry} of {variable} {problem}: expected name=value, percent-encoded, with commas \
         between"
    )]
    HeaderEntry {
        /// The environment variable.
        variable: &'static str,
        /// Which one it is, from 1 on.
        entry: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An https endpoint, or certificates, in a build without TLS.
    #[error(
        "https for OTLP needs TLS, and this build has none: enable the feature `tls`, or export to \
         an http endpoint"
    )]
    Tls,
    /// gRPC in a build without it.
    #[error(
        "gRPC for OTLP needs the feature `grpc`: enable it, or use http/protobuf, and the \
         collector's HTTP port, usually 4318"
    )]
    Grpc,
    /// Certificates or a key that are no PEM, or do not belong together.
    #[error("the certificates or the key for OTLP cannot be used: they should be PEM")]
    Certificate,
    /// A file that cannot be read.
    #[error("{variable} names a file that cannot be read: {kind}")]
    File {
        /// The environment variable.
        variable: &'static str,
        /// Why.
        kind: std::io::ErrorKind,
    },
    /// A protocol that is not spoken here.
    #[error(
        "{variable} asks for `{value}`, and llmobs speaks http/protobuf and, with the feature \
         `grpc`, grpc: set it to http/protobuf, and the endpoint to the collector's HTTP port, \
         usually 4318"
    )]
    Protocol {
        /// The environment variable.
        variable: &'static str,
        /// What it asks for.
        value: String,
    },
    /// An exporter that does not exist here.
    #[error("{variable} asks for `{value}`, and llmobs knows {known}")]
    Exporter {
        /// The environment variable.
        variable: &'static str,
        /// What it asks for.
        value: String,
        /// What it could ask for.
        known: &'static str,
    },
    /// An exporter that this build does not have.
    #[error("{variable} asks for `{value}`, which needs the feature `{feature}` of llmobs")]
    Feature {
        /// The environment variable.
        variable: &'static str,
        /// What it asks for.
        value: &'static str,
        /// The feature that has it.
        feature: &'static str,
    },
    /// An address that nothing can listen at, such as one that something else listens at.
    #[error("metrics cannot be served at `{addr}`: {kind}")]
    Listen {
        /// The address.
        addr: String,
        /// What the system says.
        kind: std::io::ErrorKind,
    },
    /// A variable whose value is not what it should be.
    #[error("{variable} should be {expected}")]
    Value {
        /// The environment variable.
        variable: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}
