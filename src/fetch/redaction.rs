//! What of requests and responses may be shown to people: never a value from the environment, never credentials.
//! Not for what is sent, which stays as it is.

use std::{borrow::Cow, collections::BTreeSet};

use http::{HeaderName, HeaderValue, header};
use percent_encoding::utf8_percent_encode;

use super::request::ENCODED;
use crate::graph::Graph;

/// What stands in the place of a hidden value.
pub const REDACTED: &str = "***";

/// Shorter values are no secrets, and hiding each `1` or `eu` would leave nothing to read.
const SECRET_BYTES_MIN: usize = 4;

/// Headers that are credentials whatever they hold.
const CREDENTIALS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];

/// Hides the values that a graph read from the environment, wherever they turn up.
#[derive(Clone, Default)]
pub struct Redaction {
    /// As they stand, and as a URL and JSON write them; the longest first, so that none is hidden in part.
    secrets: Vec<String>,
}

impl Redaction {
    /// Hides what a graph read from the environment when it was loaded.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        Redaction::new(graph.secrets.iter().map(String::as_str))
    }

    /// Hides these values.
    #[must_use]
    pub fn new<'s>(values: impl IntoIterator<Item = &'s str>) -> Self {
        let mut forms = BTreeSet::new();
        for value in values.into_iter().filter(|value| value.len() >= SECRET_BYTES_MIN) {
            forms.insert(utf8_percent_encode(value, ENCODED).to_string());
            let json = serde_json::Value::from(value).to_string();
            forms.insert(json.trim_matches('"').to_owned());
            forms.insert(value.to_owned());
        }
        let mut secrets: Vec<String> = forms.into_iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Redaction { secrets }
    }

    /// A text without the values.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for secret in &self.secrets {
            if shown.contains(secret.as_str()) {
                shown = Cow::Owned(shown.replace(secret.as_str(), REDACTED));
            }
        }
        shown
    }

    /// A header's value: nothing of credentials, and of others what [`Redaction::text`] leaves.
    #[must_use]
    pub fn header<'h>(&self, name: &HeaderName, value: &'h HeaderValue) -> Cow<'h, str> {
        if CREDENTIALS.contains(name) || value.is_sensitive() {
            return Cow::Borrowed(REDACTED);
        }
        match String::from_utf8_lossy(value.as_bytes()) {
            Cow::Borrowed(text) => self.text(text),
            Cow::Owned(text) => Cow::Owned(self.text(&text).into_owned()),
        }
    }
}

/// Says how many values there are, never which.
impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redaction({} forms)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hidden_as_it_stands_and_as_urls_and_json_write_it() {
        let redaction = Redaction::new(["s/e\"cret", "s/e\"cret-and-more", "eu"]);
        assert_eq!(redaction.text("a s/e\"cret b"), "a *** b");
        assert_eq!(redaction.text("http://h/?k=s%2Fe%22cret&r=eu"), "http://h/?k=***&r=eu");
        assert_eq!(redaction.text(r#"{"k":"s/e\"cret-and-more"}"#), r#"{"k":"***"}"#);
        assert!(!format!("{redaction:?}").contains("cret"));
    }

    #[test]
    fn credentials_are_hidden_whatever_they_hold() {
        let redaction = Redaction::new(["hush-hush"]);
        let shown = |name: &'static str, value: &'static str| {
            let value = HeaderValue::from_static(value);
            redaction.header(&HeaderName::from_static(name), &value).into_owned()
        };
        for name in ["authorization", "cookie", "set-cookie", "proxy-authorization"] {
            assert_eq!(shown(name, "x"), "***");
        }
        assert_eq!(shown("x-key", "key hush-hush"), "key ***");
        let mut sensitive = HeaderValue::from_static("none");
        sensitive.set_sensitive(true);
        assert_eq!(redaction.header(&HeaderName::from_static("x-key"), &sensitive), "***");
    }
}
