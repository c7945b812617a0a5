//! What an endpoint answers.

use std::time::Duration;

use prost::Message;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::ExportError;

/// More of an answer is not read: it is a confirmation, or an error's message.
const MAX_BODY: usize = 64 << 10;
/// Characters of an error's message that are passed on.
const MAX_MESSAGE: usize = 300;

/// `google.rpc.Status`: what OTLP servers answer errors with.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

pub(super) struct Reply {
    status: StatusCode,
    content_type: String,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) async fn read(mut response: Response) -> Result<Self, reqwest::Error> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let retry_after = header(RETRY_AFTER).and_then(|value| value.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            let room = MAX_BODY - body.len();
            body.extend(piece.iter().take(room));
            if body.len() == MAX_BODY {
                break;
            }
        }
        Ok(Self {
            status: response.status(),
            content_type,
            retry_after: retry_after.map(Duration::from_secs),
            body,
        })
    }

    pub(super) fn into_result(self) -> Result<Vec<u8>, ExportError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let code = self.status.as_u16();
        let message = match self.message() {
            Some(said) => format!("the endpoint answered {code}: {said}"),
            None => format!("the endpoint answered {code}"),
        };
        Err(match code {
            408 | 429 | 500 | 502 | 503 | 504 => {
                ExportError { retry_after: self.retry_after, ..ExportError::retryable(message) }
            }
            _ => ExportError::permanent(message),
        })
    }

    /// What the server says is wrong, in one line.
    fn message(&self) -> Option<String> {
        let text = if self.content_type.contains("protobuf") {
            Status::decode(&*self.body).ok()?.message
        } else {
            String::from_utf8_lossy(&self.body).into_owned()
        };
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let line: String = text.trim().chars().take(MAX_MESSAGE).map(printable).collect();
        (!line.is_empty()).then_some(line)
    }
}
