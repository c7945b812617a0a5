//! OTLP over HTTP, in protobuf.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use super::error::{says, unreachable};
use super::said::{self, Said};
use super::{Blame, Endpoint, ExportError, IDLE, MAX_ANSWER, USER_AGENT, gzip};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// What an endpoint answers.
struct Reply {
    status: StatusCode,
    content_type: String,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

pub(super) fn client(endpoint: &Endpoint) -> Result<Client, ExportError> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        // A redirected POST becomes a GET: better to hear of it.
        .redirect(Policy::none())
        .pool_idle_timeout(IDLE);
    let builder = endpoint.tls.of_http(builder).map_err(|err| {
        ExportError::permanent("the certificates cannot be used").caused_by(err.without_url())
    })?;
    builder.build().map_err(|err| ExportError::permanent("no client could be made").caused_by(err))
}

/// Posts `body`; gives the body of a good answer.
pub(super) async fn post(
    client: &Client,
    to: &Endpoint,
    body: &Bytes,
    gzip: bool,
) -> Result<Vec<u8>, ExportError> {
    let request = client
        .post(to.url.clone())
        .headers(to.headers.clone())
        .header(CONTENT_TYPE, PROTOBUF)
        .timeout(to.timeout);
    let request = if gzip {
        let body = gzip::compressed(body).map_err(|err| {
            ExportError::permanent("the request cannot be compressed").caused_by(err)
        })?;
        request.header(CONTENT_ENCODING, GZIP).body(body)
    } else {
        request.body(body.clone())
    };
    let response = request.send().await.map_err(failed)?;
    Reply::read(response).await.into_result(gzip)
}

fn failed(err: reqwest::Error) -> ExportError {
    // The URL may hold credentials.
    let err = err.without_url();
    if is_without_tls(&err) {
        let message = "the endpoint is https and this build has no TLS: enable the feature `tls`";
        return ExportError::permanent(message).caused_by(err);
    }
    let message = if err.is_timeout() {
        "the endpoint did not answer in time"
    } else if err.is_connect() {
        unreachable(&err)
    } else if err.is_builder() {
        return ExportError::permanent("the request cannot be built").caused_by(err);
    } else {
        "the connection to the endpoint broke"
    };
    ExportError::retryable(message).caused_by(err)
}

/// Whether a request failed because the client speaks no https.
pub(super) fn is_without_tls(err: &reqwest::Error) -> bool {
    says(err, "scheme is not http")
}

impl Reply {
    async fn read(mut response: Response) -> Self {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let retry_after = header(RETRY_AFTER).and_then(pause);
        let mut body = Vec::new();
        // An answer that breaks off or trickles until the time is up has its status all the same:
        // to send what was taken once more would make it twice.
        while let Ok(Some(piece)) = response.chunk().await {
            let room = MAX_ANSWER - body.len();
            body.extend(piece.iter().take(room));
            if body.len() == MAX_ANSWER {
                break;
            }
        }
        Self { status: response.status(), content_type, retry_after, body }
    }

    fn into_result(self, gzip: bool) -> Result<Vec<u8>, ExportError> {
        let code = self.status.as_u16();
        if self.status.is_success() {
            return match said::page(&self.body) {
                None => Ok(self.body),
                // A user interface at the same host takes nothing, and says so with a page.
                Some(title) => Err(ExportError::permanent(format!(
                    "the endpoint answered {code} with a web page, so it is not one for OTLP: {title}"
                ))),
            };
        }
        let said = Said::over_http(&self.content_type, &self.body);
        let message = match &said.message {
            Some(message) => format!("the endpoint answered {code}: {message}"),
            None => format!("the endpoint answered {code}"),
        };
        Err(match code {
            408 | 429 | 500 | 502 | 503 | 504 => {
                let retry_after = self.retry_after.or(said.retry_after);
                ExportError { retry_after, ..ExportError::retryable(message) }
            }
            400 if gzip && said.is_about_encoding() => {
                ExportError::permanent(message).blames(Blame::Encoding)
            }
            400 | 422 => ExportError::permanent(message).blames(Blame::Request),
            413 => ExportError::permanent(message).blames(Blame::Size),
            415 => ExportError::permanent(message).blames(Blame::Encoding),
            _ => ExportError::permanent(message),
        })
    }
}

/// `Retry-After`, in either of its forms.
fn pause(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    // One that is over means now.
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
