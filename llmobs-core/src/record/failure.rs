//! What went wrong.

use serde::{Deserialize, Serialize};

use super::Term;

/// Why an operation failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Failure {
    /// What failed, most precise word first: the provider's own type as sent, else its code, else
    /// the HTTP status as text, else one of [`error_type`](crate::semconv::error_type). On steps,
    /// the Rust type of the error. An open vocabulary; [`class`](Self::class) is a closed one.
    #[serde(rename = "type")]
    pub kind: Term,
    /// Which of a few classes it belongs to, whoever answered: what to group by. On every failed
    /// call; absent on steps, whose errors are the application's own.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub class: Option<ErrorClass>,
    /// HTTP status that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's code, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's message; only where content capture was turned on, since messages quote
    /// prompts and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Classes of errors, the same for every provider.
///
/// The first rule that holds decides: a word in the provider's code or type that says more than its
/// status does; the HTTP status, or a code that is one; a word that says as much as a status; how
/// the transport failed. A [`Decoder`](crate::Decoder) that knows better sets the class itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorClass {
    /// Too many requests or tokens in too short a time.
    RateLimit,
    /// Nothing left to spend: quota, credit, billing.
    InsufficientQuota,
    /// Whoever asks is not known: key or token missing, wrong or expired.
    Authentication,
    /// Whoever asks is known, and may not.
    Permission,
    /// There is no such model, deployment, stored answer or path.
    NotFound,
    /// More tokens than the model takes.
    ContextLength,
    /// A filter of the provider's refused the prompt or the answer.
    ContentFilter,
    /// The request is wrong in some other way.
    InvalidRequest,
    /// The server has too much to do, or is down for now.
    Overloaded,
    /// The server failed.
    ServerError,
    /// A time limit ran out, the client's or the server's.
    Timeout,
    /// The connection could not be made.
    Connect,
    /// The connection broke before the headers, or inside the body.
    Transport,
    /// The request could not be built.
    Request,
    /// Nothing that was said tells which.
    #[serde(rename = "_OTHER")]
    Other,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 15] = [
        Self::RateLimit,
        Self::InsufficientQuota,
        Self::Authentication,
        Self::Permission,
        Self::NotFound,
        Self::ContextLength,
        Self::ContentFilter,
        Self::InvalidRequest,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::Connect,
        Self::Transport,
        Self::Request,
        Self::Other,
    ];

    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::InsufficientQuota => "insufficient_quota",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::InvalidRequest => "invalid_request",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Transport => "transport",
            Self::Request => "request",
            Self::Other => "_OTHER",
        }
    }
}
