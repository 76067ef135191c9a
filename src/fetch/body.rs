//! What the bytes of a response are: JSON text, plain text, or nothing; by its content type (section 9 of the connect
//! language). Not for parsing JSON, and not for whether the response is a success.

use bumpalo::Bump;
use http::{HeaderMap, header};

use super::{FetchError, UpstreamResponse};
use crate::{connector::ResponseFormat, error::Code};

/// The body of a response. Borrowed from the response wherever its bytes can be used as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// No bytes: the data is null.
    Null,
    /// Said to be JSON, and UTF-8 without a byte order mark; not parsed yet.
    Json(&'a str),
    /// `text/plain`: the data is this string.
    Text(&'a str),
}

impl<'a> Body<'a> {
    /// Reads a response's body by its content type, or as what its source says it is. What is not UTF-8 but said to be
    /// Latin-1 is rewritten into `arena`.
    ///
    /// # Errors
    /// `CONNECTOR_RESPONSE_INVALID`: a content type that gives no data (HTML, XML, binary), a character set that
    /// is not read, or bytes that are not text.
    pub fn read(
        response: &'a UpstreamResponse,
        format: ResponseFormat,
        arena: &'a Bump,
    ) -> Result<Self, FetchError> {
        if response.body.is_empty() {
            return Ok(Body::Null);
        }
        let content_type = content_type(&response.headers)?;
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let format = match format {
            ResponseFormat::Auto => Format::of(essence.trim()),
            ResponseFormat::Json => Format::Json,
            ResponseFormat::Text => Format::Text,
        };
        match format {
            Format::Json => decode(&response.body, parameters, arena).map(Body::Json),
            Format::Text => decode(&response.body, parameters, arena).map(Body::Text),
            Format::Xml => Err(invalid("Connector error: the response is XML, which is not supported yet")),
            Format::Other => {
                let named = essence.trim();
                Err(invalid(format!("Connector error: a response of type {named:?} cannot be read as data")))
            }
        }
    }
}

/// The error for a body that is not what its content type says: for JSON that cannot be parsed, too.
#[must_use]
pub fn unexpected_format(detail: impl Into<String>) -> FetchError {
    FetchError::new(Code::ConnectorResponseInvalid, "The server returned data in an unexpected format.")
        .with_detail(detail)
}

fn invalid(message: impl Into<String>) -> FetchError {
    FetchError::new(Code::ConnectorResponseInvalid, message)
}

fn content_type(headers: &HeaderMap) -> Result<&str, FetchError> {
    match headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) {
        None => Ok(""),
        // Longer than any registered type; the text goes into a message.
        Some(Ok(text)) if text.len() <= 256 => Ok(text),
        Some(_) => Err(invalid("Connector error: the response's content type cannot be read")),
    }
}

enum Format {
    Json,
    Text,
    Xml,
    Other,
}

impl Format {
    fn of(essence: &str) -> Self {
        let subtype = essence.rsplit_once('/').map_or(essence, |(_, subtype)| subtype);
        let kind = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
        if essence.is_empty() || kind.eq_ignore_ascii_case("json") {
            Format::Json
        } else if kind.eq_ignore_ascii_case("xml") {
            Format::Xml
        } else if essence.eq_ignore_ascii_case("text/plain") {
            Format::Text
        } else {
            Format::Other
        }
    }
}

fn decode<'a>(bytes: &'a [u8], parameters: &str, arena: &'a Bump) -> Result<&'a str, FetchError> {
    let charset = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map_or("utf-8", |(_, value)| value.trim().trim_matches('"'));
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(charset));
    if is(&["utf-8", "utf8", "us-ascii"]) {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        return std::str::from_utf8(bytes)
            .map_err(|error| unexpected_format(format!("the body is not UTF-8: {error}")));
    }
    if is(&["iso-8859-1", "latin1", "latin-1"]) {
        // Each byte is the code point of its own value.
        return Ok(bumpalo::collections::String::from_iter_in(
            bytes.iter().map(|&byte| char::from(byte)),
            arena,
        )
        .into_bump_str());
    }
    Err(invalid(format!("Connector error: a response in character set {charset:?} cannot be read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: Option<&'static str>, body: &'static [u8]) -> Result<String, String> {
        read_as(ResponseFormat::Auto, content_type, body)
    }

    fn read_as(
        format: ResponseFormat,
        content_type: Option<&'static str>,
        body: &'static [u8],
    ) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        }
        let response = UpstreamResponse::new(http::StatusCode::OK, headers, body.into());
        let arena = Bump::new();
        match Body::read(&response, format, &arena) {
            Ok(body) => Ok(format!("{body:?}")),
            Err(error) => {
                assert_eq!(error.client.code, Code::ConnectorResponseInvalid);
                Err(error.client.message)
            }
        }
    }

    #[test]
    fn json_is_what_says_so_or_says_nothing() {
        for content_type in [
            None,
            Some("application/json"),
            Some("Application/JSON; charset=UTF-8"),
            Some("text/json"),
            Some("application/problem+json"),
            Some("application/vnd.shop.v2+json;charset=\"utf-8\""),
        ] {
            assert_eq!(read(content_type, b"{}"), Ok("Json(\"{}\")".into()), "{content_type:?}");
        }
    }

    #[test]
    fn an_empty_body_is_null_whatever_its_type() {
        assert_eq!(read(None, b""), Ok("Null".into()));
        assert_eq!(read(Some("text/html"), b""), Ok("Null".into()));
    }

    #[test]
    fn a_byte_order_mark_is_no_data() {
        assert_eq!(read(None, b"\xEF\xBB\xBF[1]"), Ok("Json(\"[1]\")".into()));
    }

    #[test]
    fn plain_text_is_a_string_in_its_character_set() {
        assert_eq!(read(Some("text/plain"), b"pong"), Ok("Text(\"pong\")".into()));
        assert_eq!(read(Some("text/plain; charset=ISO-8859-1"), b"caf\xE9"), Ok("Text(\"café\")".into()));
        assert_eq!(
            read(Some("application/json; charset=latin1"), b"\"caf\xE9\""),
            Ok(r#"Json("\"café\"")"#.into())
        );
        let refused = read(Some("text/plain; charset=shift_jis"), b"x");
        assert_eq!(
            refused,
            Err("Connector error: a response in character set \"shift_jis\" cannot be read".into())
        );
    }

    #[test]
    fn what_is_not_data_is_an_error_that_names_its_type() {
        let refused = read(Some("text/html; charset=utf-8"), b"<html>");
        assert_eq!(
            refused,
            Err("Connector error: a response of type \"text/html\" cannot be read as data".into())
        );
        let refused = read(Some("application/octet-stream"), b"\x00");
        assert!(refused.is_err_and(|message| message.contains("application/octet-stream")));
        for xml in ["text/xml", "application/atom+xml"] {
            assert!(read(Some(xml), b"<a/>").is_err_and(|message| message.contains("not supported yet")));
        }
    }

    #[test]
    fn a_source_may_know_better_than_its_content_types() {
        let json = read_as(ResponseFormat::Json, Some("text/html; charset=latin1"), b"[\"\xE9\"]");
        assert_eq!(json, Ok(r#"Json("[\"é\"]")"#.into()));
        assert_eq!(read_as(ResponseFormat::Text, Some("text/html"), b"<p>"), Ok("Text(\"<p>\")".into()));
    }

    #[test]
    fn bytes_that_are_not_text_are_an_unexpected_format() {
        for body in [&b"\"\xFF\""[..], b"\xC0\xAF", b"\xED\xA0\x80", b"\xFE\xFF\x00["] {
            assert_eq!(read(None, body), Err("The server returned data in an unexpected format.".into()));
        }
    }
}
