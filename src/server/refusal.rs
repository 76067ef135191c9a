//! A request that ends at the edge, before any operation is looked at: its status, its code and what the client reads.

use std::borrow::Cow;

use http::StatusCode;

use crate::error::{ClientError, Code};

/// Why the edge refuses a request. The status follows from the code, so that one code never has two statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    code: Code,
    message: Cow<'static, str>,
    /// Methods for `Allow`, with a 405.
    pub(super) allow: Option<&'static str>,
    /// The body was not read to its end, so that the connection cannot carry another request.
    pub(super) close: bool,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal { code, message: message.into(), allow: None, close: false }
    }

    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Refusal::new(Code::BadRequest, message)
    }

    /// 405 with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("This path takes {allow} only.");
        Refusal { allow: Some(allow), ..Refusal::new(Code::MethodNotAllowed, message) }
    }

    /// The same refusal, after which the connection is closed.
    pub(super) fn closing(self) -> Self {
        Refusal { close: true, ..self }
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            Code::OriginRefused => StatusCode::FORBIDDEN,
            Code::StreamInUse => StatusCode::CONFLICT,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// As the client reads it.
    pub(super) fn into_client_error(self) -> ClientError {
        ClientError::new(self.code, self.message)
    }
}
