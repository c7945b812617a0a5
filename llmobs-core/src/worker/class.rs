//! Which class an error belongs to, by what was said of it.

use crate::call::TransportError;
use crate::record::{ErrorClass, Failure};

/// Parts of words that say more than the status they come with, letters and digits only. Providers
/// send the same word as `rate_limit_exceeded`, `RateLimitReached` and `rate-limit`.
const PRECISE: &[(ErrorClass, &[&str])] = &[
    (
        ErrorClass::InsufficientQuota,
        &["quota", "billing", "insufficientbalance", "insufficientcredit", "insufficientfunds"],
    ),
    (
        ErrorClass::ContextLength,
        &[
            "contextlength",
            "contextsize",
            "contextwindow",
            "maxcontext",
            "prompttoolong",
            "promptistoolong",
            "promptlengthexceeded",
            "toomanyprompttokens",
            "tokenslimitreached",
        ],
    ),
    (
        ErrorClass::ContentFilter,
        &[
            "contentfilter",
            "contentpolicy",
            "contentmoderation",
            "moderationblocked",
            "responsibleai",
            "datainspection",
            "promptblocked",
        ],
    ),
    (
        ErrorClass::RateLimit,
        &["ratelimit", "toomanyrequests", "throttl", "resourceexhausted", "slowdown"],
    ),
    (ErrorClass::Overloaded, &["overloaded", "unavailable", "capacity", "serverbusy"]),
    (
        ErrorClass::Authentication,
        &["apikey", "authentication", "unauthorized", "unauthenticated", "expiredtoken"],
    ),
    (ErrorClass::Permission, &["permission", "forbidden", "accessdenied"]),
    (ErrorClass::NotFound, &["notfound", "doesnotexist"]),
    (ErrorClass::Timeout, &["timeout", "timedout", "deadlineexceeded"]),
];

/// Parts of words that say as much as a status does.
const COARSE: &[(ErrorClass, &[&str])] = &[
    (ErrorClass::InvalidRequest, &["invalid", "badrequest", "unsupported", "validation"]),
    (ErrorClass::ServerError, &["server", "internal", "apierror", "upstream", "badgateway"]),
];

/// The class of what a call failed of; `transport` is how its connection did, if it did.
pub(super) fn class(failure: &Failure, transport: Option<TransportError>) -> ErrorClass {
    let words = [failure.code.as_deref(), Some(&*failure.kind)].map(Option::unwrap_or_default);
    let plain = words.map(plain);
    let among = |classes: &[(ErrorClass, &[&str])]| {
        classes
            .iter()
            .find(|(_, parts)| {
                parts.iter().any(|part| plain.iter().any(|word| word.contains(part)))
            })
            .map(|(class, _)| *class)
    };
    let status = || {
        let code = words.iter().find_map(|word| word.parse().ok().and_then(of_status));
        failure.status.and_then(of_status).or(code)
    };
    among(PRECISE)
        .or_else(status)
        .or_else(|| among(COARSE))
        .or_else(|| transport.map(of_transport))
        .unwrap_or(ErrorClass::Other)
}

/// Letters and digits of a word; nothing of a sentence, which is no name for anything and is kept
/// only under capture.
fn plain(word: &str) -> String {
    if word.contains(char::is_whitespace) {
        return String::new();
    }
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn of_status(status: u16) -> Option<ErrorClass> {
    Some(match status {
        401 => ErrorClass::Authentication,
        402 => ErrorClass::InsufficientQuota,
        403 => ErrorClass::Permission,
        404 | 410 => ErrorClass::NotFound,
        408 | 504 | 524 => ErrorClass::Timeout,
        429 => ErrorClass::RateLimit,
        503 | 529 => ErrorClass::Overloaded,
        400..=499 => ErrorClass::InvalidRequest,
        500..=599 => ErrorClass::ServerError,
        _ => return None,
    })
}

fn of_transport(error: TransportError) -> ErrorClass {
    match error {
        TransportError::Connect => ErrorClass::Connect,
        TransportError::Timeout => ErrorClass::Timeout,
        TransportError::Broken => ErrorClass::Transport,
        TransportError::Request => ErrorClass::Request,
        TransportError::Other => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: Option<u16>, kind: &str, code: Option<&str>) -> &'static str {
        let (kind, code) = (kind.to_owned().into(), code.map(str::to_owned));
        class(&Failure { kind, status, code, ..Failure::default() }, None).as_str()
    }

    #[test]
    fn what_providers_say_of_the_same_error_is_one_class() {
        let said = [
            (Some(429), "tokens", Some("rate_limit_exceeded"), "rate_limit"),
            (Some(429), "429", Some("RateLimitReached"), "rate_limit"),
            (None, "rate_limit_error", None, "rate_limit"),
            (None, "429", Some("429"), "rate_limit"),
            (Some(429), "insufficient_quota", Some("insufficient_quota"), "insufficient_quota"),
            (Some(402), "402", None, "insufficient_quota"),
            (Some(400), "invalid_request_error", Some("context_length_exceeded"), "context_length"),
            (Some(400), "exceed_context_size_error", Some("400"), "context_length"),
            (Some(400), "too_many_prompt_tokens", Some("400"), "context_length"),
            (Some(400), "400", Some("content_filter"), "content_filter"),
            (Some(401), "invalid_request_error", Some("invalid_api_key"), "authentication"),
            (Some(400), "authentication_error", Some("invalid_request_error"), "authentication"),
            (Some(400), "invalid_request_error", Some("forbidden"), "permission"),
            (Some(404), "invalid_request_error", Some("model_not_found"), "not_found"),
            (Some(404), "404", None, "not_found"),
            (Some(400), "invalid_model", Some("1500"), "invalid_request"),
            (Some(422), "422", None, "invalid_request"),
            (None, "invalid-argument", Some("invalid-argument"), "invalid_request"),
            (Some(529), "overloaded_error", None, "overloaded"),
            (Some(503), "503", None, "overloaded"),
            (None, "server_error", Some("500"), "server_error"),
            (Some(502), "502", None, "server_error"),
            (None, "api_error", None, "server_error"),
            (Some(504), "504", None, "timeout"),
            (None, "_OTHER", None, "_OTHER"),
            (None, "the internal server has no quota", None, "_OTHER"),
            // No status, though it is a number.
            (None, "1500", Some("1500"), "_OTHER"),
        ];
        for (status, kind, code, expected) in said {
            assert_eq!(of(status, kind, code), expected, "{status:?} {kind} {code:?}");
        }
    }

    #[test]
    fn a_class_is_written_as_it_is_named() {
        for class in ErrorClass::ALL {
            let written = serde_json::to_value(class).expect("a class is JSON");
            assert_eq!(written, class.as_str());
        }
    }

    #[test]
    fn a_connection_that_fails_is_known_by_how_it_did() {
        let of = |error| class(&Failure::default(), Some(error)).as_str();
        assert_eq!(of(TransportError::Connect), "connect");
        assert_eq!(of(TransportError::Timeout), "timeout");
        assert_eq!(of(TransportError::Broken), "transport");
        assert_eq!(of(TransportError::Request), "request");
        assert_eq!(of(TransportError::Other), "_OTHER");
    }
}
