//! What the bytes of a response are: JSON text, plain text, XML, or nothing; by its content type (section 9 of the connect
//! language). Not for parsing JSON, and not for whether the response is a success.

use bumpalo::Bump;
use http::{HeaderMap, header};

use super::{
    FetchError, UpstreamResponse,
    xml::{self, XmlError},
};
use crate::{
    connector::ResponseFormat,
    error::Code,
    mapping::{
        json::{self, JsonError},
        value::Value,
    },
};

/// The body of a response. Borrowed from the response wherever its bytes can be used as they are.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// No bytes: the data is null.
    Null,
    /// Said to be JSON, and UTF-8 without a byte order mark; not parsed yet.
    Json(&'a str),
    /// `text/plain`: the data is this string.
    Text(&'a str),
    /// XML: the data is what its elements are mapped to.
    Xml(Value<'a>),
}

impl<'a> Body<'a> {
    /// What it holds, as mappings read it. JSON is parsed.
    ///
    /// # Errors
    /// When it is said to be JSON and is not.
    pub fn value(self, arena: &'a Bump) -> Result<Value<'a>, JsonError> {
        match self {
            Body::Null => Ok(Value::Null),
            Body::Json(text) => json::read(text, arena),
            Body::Text(text) => Ok(Value::String(text)),
            Body::Xml(value) => Ok(value),
        }
    }

    /// Reads a response's body by its content type, or as what its source says it is. What is not UTF-8 but said to be
    /// Latin-1 is rewritten into `arena`.
    ///
    /// # Errors
    /// `CONNECTOR_RESPONSE_INVALID`: a content type that gives no data (HTML, binary), a character set that is not read, bytes
    /// that are not text, or XML that is not well-formed or asks for more than is read.
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
            ResponseFormat::Xml => Format::Xml,
            ResponseFormat::Text => Format::Text,
        };
        match format {
            Format::Json => decode(&response.body, charset(parameters), arena).map(Body::Json),
            Format::Text => decode(&response.body, charset(parameters), arena).map(Body::Text),
            Format::Xml => {
                let charset = charset(parameters).or_else(|| declared_encoding(&response.body));
                let text = decode(&response.body, charset, arena)?;
                xml::read(text, arena).map(Body::Xml).map_err(|error| not_read(&error))
            }
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

/// The character set that a content type names.
fn charset(parameters: &str) -> Option<&str> {
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(value.trim().trim_matches('"'))
}

/// The character set that an XML declaration names; the content type's is asked first (RFC 7303, section 3).
fn declared_encoding(body: &[u8]) -> Option<&str> {
    let declaration = body.strip_prefix(b"<?xml")?.get(..200.min(body.len() - 5))?;
    let end = declaration.windows(2).position(|window| window == b"?>")?;
    let text = std::str::from_utf8(declaration.get(..end)?).ok()?;
    let (_, value) = text.split_once("encoding")?.1.split_once('=')?;
    let value = value.trim_start();
    let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    value.split(quote).nth(1)
}

/// What is wrong with XML: the client learns of what is refused on purpose, the log where it is.
fn not_read(error: &XmlError) -> FetchError {
    match error {
        XmlError::Syntax { .. } => unexpected_format(error.to_string()),
        XmlError::DocumentType { .. } => {
            invalid("Connector error: XML with a document type or with entities of its own is not read")
                .with_detail(error.to_string())
        }
        XmlError::TooDeep | XmlError::TooMuch => {
            invalid(format!("Connector error: the response's XML is {error}"))
        }
    }
}

fn decode<'a>(bytes: &'a [u8], charset: Option<&str>, arena: &'a Bump) -> Result<&'a str, FetchError> {
    let charset = charset.unwrap_or("utf-8");
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
    }

    #[test]
    fn a_source_may_know_better_than_its_content_types() {
        let json = read_as(ResponseFormat::Json, Some("text/html; charset=latin1"), b"[\"\xE9\"]");
        assert_eq!(json, Ok(r#"Json("[\"é\"]")"#.into()));
        assert_eq!(read_as(ResponseFormat::Text, Some("text/html"), b"<p>"), Ok("Text(\"<p>\")".into()));
    }

    #[test]
    fn xml_is_read_in_the_character_set_that_somebody_names() {
        let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>\xE9</a>";
        let utf8 = "<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>é</a>".as_bytes();
        let expected = Ok("Xml(Object([(\"a\", String(\"é\"))]))".to_owned());
        assert_eq!(read(Some("application/soap+xml"), latin), expected);
        assert_eq!(read(Some("text/xml; charset=utf-8"), utf8), expected);
        assert_eq!(read_as(ResponseFormat::Xml, Some("text/html"), latin), expected);
        let wide = read(Some("text/xml"), b"<?xml version='1.0' encoding=\"UTF-16\"?><a/>");
        assert_eq!(
            wide,
            Err("Connector error: a response in character set \"UTF-16\" cannot be read".into())
        );
        for refused in [
            "<!DOCTYPE a><a/>",
            "<a>&x;</a>",
            "<a b='&x;'/>",
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        ] {
            let error = read(Some("text/xml"), refused.as_bytes()).unwrap_err();
            assert!(error.contains("a document type or with entities"), "{refused}: {error}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_an_unexpected_format() {
        for body in [&b"\"\xFF\""[..], b"\xC0\xAF", b"\xED\xA0\x80", b"\xFE\xFF\x00["] {
            assert_eq!(read(None, body), Err("The server returned data in an unexpected format.".into()));
        }
    }
}
