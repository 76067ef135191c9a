//! Templates: literal text with `{ expression }` in it, as URLs and header values are written.

use super::ast::{Mapping, Span};

/// A header value's template, or one part of a URL's.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Literal text and expressions in order; tabs and newlines of the source text dropped.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it is sent: in a URL with illegal characters already percent-encoded.
    Literal(String),
    /// `{ expression }`: evaluated with data `null`; must give a scalar or nothing.
    Expression {
        /// The expression; its spans count from the beginning of the expression.
        mapping: Mapping,
        /// Where the expression (without its braces) stands in the template's text.
        span: Span,
    },
}

/// A URL's template, cut where RFC 3986 cuts a URL.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlTemplate {
    /// The text as it was written, for messages.
    pub text: String,
    /// `scheme://authority`; none for a relative URL. Only a source's base URL may have expressions here.
    pub origin: Option<Template>,
    /// The path, with its slashes as written; may be empty.
    pub path: Template,
    /// What follows `?`, without it; none where there is no `?`.
    pub query: Option<Template>,
}
