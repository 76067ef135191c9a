//! The body of a request: what its mapping gives, as JSON or as a form.

use bytes::Bytes;
use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{BuildError, headers::Headers};
use crate::{
    connector::{BodyFormat, Request},
    fetch::{Scope, Site},
    mapping::{json, value::Value},
};

/// What text in a form keeps as it is (URL standard, `application/x-www-form-urlencoded`); a blank is `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Writes the body, and the header that says what it is where none is declared. A mapping that gives nothing at all
/// gives no body; one that gives null gives `null`.
pub(super) fn build<'a>(
    request: &'a Request,
    headers: &mut Headers,
    scope: &mut Scope<'_, 'a>,
) -> Result<Option<Bytes>, BuildError> {
    let Some(mapping) = &request.body else { return Ok(None) };
    let Some(value) = scope.evaluate(Site::Body, mapping, Value::Object(&[])) else { return Ok(None) };
    let (body, content_type) = match request.body_format {
        BodyFormat::Json => {
            let mut text = Vec::new();
            json::write(&value, &mut text);
            (text, "application/json")
        }
        BodyFormat::Form => {
            let Value::Object(fields) = value else { return Err(BuildError::FormNotObject) };
            let mut form = String::new();
            for (key, value) in fields {
                write_field(key, *value, scope, &mut form);
            }
            (form.into_bytes(), "application/x-www-form-urlencoded")
        }
    };
    if !headers.iter().any(|(name, _)| name == header::CONTENT_TYPE) {
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static(content_type)));
    }
    Ok(Some(body.into()))
}

/// `a=1&b[c]=2&d[0]=3`, brackets encoded; null is an empty value.
fn write_field<'a>(key: &str, value: Value<'a>, scope: &Scope<'_, 'a>, form: &mut String) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                write_field(&format!("{key}[{inner}]"), *value, scope, form);
            }
        }
        Value::List(elements) => {
            for (position, value) in elements.iter().enumerate() {
                write_field(&format!("{key}[{position}]"), *value, scope, form);
            }
        }
        scalar => {
            if !form.is_empty() {
                form.push('&');
            }
            write_form_text(key, form);
            form.push('=');
            write_form_text(scope.scalar(scalar).unwrap_or_default(), form);
        }
    }
}

fn write_form_text(text: &str, form: &mut String) {
    for (position, word) in text.split(' ').enumerate() {
        if position > 0 {
            form.push('+');
        }
        form.extend(utf8_percent_encode(word, FORM));
    }
}
