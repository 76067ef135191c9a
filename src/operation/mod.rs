//! What a client asks for: parsed, within limits, valid against the schema, with its variables coerced.
//!
//! `document` reads the text, `limits` counts what it asks for before anything else looks at it, `variables` coerces
//! values. Nothing here knows where data comes from.

mod document;
mod limits;
mod variables;

pub use document::{Document, Rules};
pub use variables::{Variables, coerce};

use crate::error::ClientError;

/// Why a request does not run: one or more request errors (GraphQL specification, section 7.1.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What is wrong, with places in the document.
    pub errors: Vec<RequestError>,
    /// Whether a limit refuses it: status 400 whatever the media type.
    pub limit: bool,
}

/// One request error.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestError {
    /// What the client reads.
    pub error: ClientError,
    /// Lines and columns in the document, from 1.
    pub locations: Vec<(usize, usize)>,
}

impl Refusal {
    /// A refusal for one reason.
    #[must_use]
    pub fn one(error: ClientError, location: Option<(usize, usize)>) -> Self {
        Refusal {
            errors: vec![RequestError { error, locations: location.into_iter().collect() }],
            limit: false,
        }
    }

    fn limit(error: ClientError) -> Self {
        Refusal { errors: vec![RequestError { error, locations: Vec::new() }], limit: true }
    }
}
