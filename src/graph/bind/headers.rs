//! Headers of sources and connectors (section 4 of the connect language): names that may be set, values that can be sent.

use http::HeaderName;

use super::{
    mappings::{Mappings, Stands, sentence},
    reads::Readable,
};
use crate::{
    config::{ConnectorFile, FileHeader, environment::Piece},
    connector::{BodyFormat, Header, HeaderValue},
    diagnostic::{Code, Diagnostic, Place},
    graph::written::WrittenHeader,
    mapping::template::{Part, Template, parse_template},
};

/// Names that belong to the connection and its framing; a mapping that set them could smuggle requests.
const REFUSED: [&str; 11] = [
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "keep-alive",
];

/// Names that say what Ficus itself sends and reads: never what the client said.
const BY_VALUE_ONLY: [&str; 3] = ["content-type", "accept", "host"];

/// The headers of `@source` or `@connect`.
pub(super) fn schema_headers(
    mappings: &mut Mappings<'_>,
    written: &[WrittenHeader],
    readable: Readable<'_>,
) -> Vec<Header> {
    let mut headers: Vec<(Header, Place)> = Vec::new();
    for header in written {
        let Some(text) = &header.name else { continue };
        let Some(name) = name(mappings, &text.value, &text.place, header.from.is_some()) else { continue };
        let value = match (&header.from, &header.value) {
            (Some(from), None) => client_name(mappings, &from.value, &from.place).map(HeaderValue::From),
            (None, Some(value)) => mappings.template(value, readable).and_then(|template| {
                sendable(mappings, &template, &value.place).then_some(HeaderValue::Template(template))
            }),
            (from, _) => {
                mappings.report(one_of_both(header.place.clone(), from.is_some()));
                None
            }
        };
        if let Some(value) = value {
            add(mappings, &mut headers, Header { name, value }, header.place.clone());
        }
    }
    headers.into_iter().map(|(header, _)| header).collect()
}

/// The headers of a connector file.
pub(super) fn file_headers(
    mappings: &mut Mappings<'_>,
    file: &ConnectorFile,
    readable: Readable<'_>,
) -> Vec<Header> {
    let mut headers: Vec<(Header, Place)> = Vec::new();
    for header in &file.headers {
        let text = header.name.value.value();
        let Some(name) = name(mappings, &text, &header.name.place, header.from.is_some()) else { continue };
        if let Some(value) = file_value(mappings, header, readable) {
            add(mappings, &mut headers, Header { name, value }, header.place.clone());
        }
    }
    headers.into_iter().map(|(header, _)| header).collect()
}

fn file_value(
    mappings: &mut Mappings<'_>,
    header: &FileHeader,
    readable: Readable<'_>,
) -> Option<HeaderValue> {
    if let Some(from) = &header.from {
        return client_name(mappings, &from.value.value(), &from.place).map(HeaderValue::From);
    }
    let value = header.value.as_ref()?;
    let mut template = Template { parts: Vec::new() };
    for piece in &value.value.pieces {
        match piece {
            Piece::Literal(text) => template.parts.push(Part::Literal(text.clone())),
            Piece::Written(text) => match parse_template(text, mappings.grammar) {
                Ok(parsed) => template.parts.extend(parsed.parts),
                Err(errors) => {
                    for error in errors {
                        let message = sentence(&error.message);
                        mappings.report(Diagnostic::new(Code::InvalidHeader, value.place.clone(), message));
                    }
                    return None;
                }
            },
        }
    }
    mappings.parts(&template, Code::InvalidHeader, readable, Stands::File(&value.place));
    if !sendable(mappings, &template, &value.place) {
        return None;
    }
    let literal: Option<String> = template
        .parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Expression { .. } => None,
        })
        .collect();
    Some(match literal.filter(|_| value.value.has_literal()) {
        Some(text) => {
            let mut secret = http::HeaderValue::from_str(&text).ok()?;
            secret.set_sensitive(true);
            HeaderValue::Secret(secret)
        }
        None => HeaderValue::Template(template),
    })
}

fn add(mappings: &mut Mappings<'_>, headers: &mut Vec<(Header, Place)>, header: Header, place: Place) {
    if let Some((_, first)) = headers.iter().find(|(other, _)| other.name == header.name) {
        let message = format!("the header `{}` is set twice", header.name);
        let diagnostic = Diagnostic::new(Code::HttpHeaderNameCollision, place, message)
            .also(first.clone(), "first here")
            .help("keep one of them");
        mappings.report(diagnostic);
        return;
    }
    headers.push((header, place));
}

fn name(mappings: &mut Mappings<'_>, text: &str, place: &Place, copied: bool) -> Option<HeaderName> {
    let refuse = |mappings: &mut Mappings<'_>, message: String, help: &str| {
        mappings.report(Diagnostic::new(Code::InvalidHeader, place.clone(), message).help(help));
        None
    };
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        let message = format!("`{text}` is not a header name");
        return refuse(mappings, message, "letters, digits and `-`, without blanks or a colon");
    };
    if REFUSED.contains(&name.as_str()) {
        let message = format!("the header `{name}` cannot be set");
        return refuse(mappings, message, "it belongs to the connection, which Ficus manages");
    }
    if copied && BY_VALUE_ONLY.contains(&name.as_str()) {
        let message = format!("the header `{name}` cannot be copied from the client's request");
        return refuse(mappings, message, "set it with `value`");
    }
    Some(name)
}

fn client_name(mappings: &mut Mappings<'_>, text: &str, place: &Place) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        let message = format!("`{text}` is not a header name");
        let help =
            "`from` names a header of the client's request; a value of your own is written with `value`";
        mappings.report(Diagnostic::new(Code::InvalidHeader, place.clone(), message).help(help));
    }
    name
}

/// Whether the literal text of a value can stand in a header. The text may be secret and is not shown.
fn sendable(mappings: &mut Mappings<'_>, template: &Template, place: &Place) -> bool {
    let sendable = template.parts.iter().all(|part| match part {
        Part::Literal(text) => http::HeaderValue::from_str(text).is_ok(),
        Part::Expression { .. } => true,
    });
    if !sendable {
        let message = "the value holds characters that a header cannot carry";
        let help =
            "line breaks and control characters cannot be sent; look for a newline at the end of a secret";
        mappings.report(Diagnostic::new(Code::InvalidHeader, place.clone(), message).help(help));
    }
    sendable
}

fn one_of_both(place: Place, has_both: bool) -> Diagnostic {
    let (message, help) = match has_both {
        true => ("a header has both `from` and `value`", "keep one of them"),
        false => ("a header has neither `from` nor `value`", "add one of them"),
    };
    let help = format!("{help}: `from` copies a header of the client's request, `value` is a template");
    Diagnostic::new(Code::InvalidHeader, place, message).help(help)
}

/// How a body is written: what the `content-type` that is sent says.
pub(super) fn body_format<'h>(headers: impl IntoIterator<Item = &'h Header>) -> BodyFormat {
    let content_type = headers.into_iter().find(|header| header.name == http::header::CONTENT_TYPE);
    let literal = content_type.and_then(|header| match &header.value {
        HeaderValue::Template(template) => match template.parts.first() {
            Some(Part::Literal(text)) => Some(text.as_str()),
            _ => None,
        },
        HeaderValue::Secret(value) => value.to_str().ok(),
        HeaderValue::From(_) => None,
    });
    let essence = literal.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        BodyFormat::Form
    } else {
        BodyFormat::Json
    }
}
