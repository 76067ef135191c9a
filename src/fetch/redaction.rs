//! What of requests and responses may be shown to people: never a value from the environment, never credentials.
//! Not for what is sent, which stays as it is. What a mapping makes of a value (a part of it, its hash) is not known here.

use std::{borrow::Cow, collections::BTreeSet};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value as Json;

use crate::graph::Graph;

/// What stands in the place of a hidden value.
pub const REDACTED: &str = "***";

/// A single character is no secret, and hiding each `1` would leave nothing to read.
const SECRET_BYTES_MIN: usize = 2;
/// Shorter values are hidden only where they stand alone: `eu` in `?region=eu`, not in `neutral`.
const ANYWHERE_BYTES_MIN: usize = 4;
/// These say nothing, and stand everywhere.
const WORDS: [&str; 3] = ["true", "false", "null"];
/// How often a text may have been percent-encoded and still be known: a URL in a URL in a URL.
const ENCODINGS_MAX: usize = 4;

/// Headers that are credentials whatever they hold.
const CREDENTIALS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];

/// Hides values from the environment and credentials, wherever they turn up: inside longer texts too, and as URLs, forms and
/// JSON write them.
#[derive(Clone, Default)]
pub struct Redaction {
    /// The longest first, so that none is hidden in part.
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
        let mut redaction = Redaction::default();
        redaction.hide(values);
        redaction
    }

    /// Hides the credentials of a message's headers too, also where else they turn up.
    pub fn hide_credentials(&mut self, headers: &HeaderMap) {
        let credentials = headers.iter().filter(|(name, _)| CREDENTIALS.contains(name));
        let texts: Vec<Cow<'_, str>> =
            credentials.map(|(_, value)| String::from_utf8_lossy(value.as_bytes())).collect();
        // The value as a whole, `Bearer TOKEN` without its scheme, and the values of cookies.
        self.hide(texts.iter().flat_map(|text| {
            let words = text.split([' ', ';', ',']);
            let values = words.clone().filter_map(|word| Some(word.split_once('=')?.1));
            let long = |part: &&str| part.len() >= ANYWHERE_BYTES_MIN;
            std::iter::once(&**text).chain(words.skip(1)).chain(values).filter(long)
        }));
    }

    /// Hides these values too.
    pub fn hide<'s>(&mut self, values: impl IntoIterator<Item = &'s str>) {
        let known = std::mem::take(&mut self.secrets);
        let secret = |value: &String| value.len() >= SECRET_BYTES_MIN && !WORDS.contains(&value.as_str());
        let added =
            values.into_iter().map(str::trim).flat_map(|value| [Some(value.to_owned()), unescaped(value)]);
        let secrets: BTreeSet<String> = known.into_iter().chain(added.flatten().filter(secret)).collect();
        self.secrets = secrets.into_iter().collect();
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// A text without the values.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.start(text, usize::MAX)
    }

    /// The first bytes of a text, without the values: a value that begins in them is hidden as a whole.
    #[must_use]
    pub fn start<'t>(&self, text: &'t str, bytes_max: usize) -> Cow<'t, str> {
        let mut shown = String::new();
        let mut kept = 0;
        let mut at = 0;
        while at < text.len().min(bytes_max) {
            let Some(length) = self.secrets.iter().find_map(|secret| stands_at(text, at, secret)) else {
                at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                continue;
            };
            shown.push_str(text.get(kept..at).unwrap_or_default());
            shown.push_str(REDACTED);
            at += length;
            kept = at;
        }
        let rest = text.get(kept..at).unwrap_or_default();
        if shown.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(shown + rest) }
    }

    /// A URL without the values, and without user and password.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, _) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        match authority.rsplit_once('@') {
            Some((user, _)) if !scheme.is_empty() => {
                let rest = rest.get(user.len()..).unwrap_or_default();
                format!("{}://{REDACTED}{}", self.text(scheme), self.text(rest))
            }
            _ => self.text(url).into_owned(),
        }
    }

    /// JSON without the values. A number that holds one becomes a string.
    #[must_use]
    pub fn json(&self, json: &Json) -> Json {
        match json {
            Json::Null | Json::Bool(_) => json.clone(),
            Json::Number(number) => match self.text(&number.to_string()) {
                Cow::Borrowed(_) => json.clone(),
                Cow::Owned(shown) => Json::String(shown),
            },
            Json::String(text) => Json::String(self.text(text).into_owned()),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(entries) => {
                let shown =
                    entries.iter().map(|(key, value)| (self.text(key).into_owned(), self.json(value)));
                Json::Object(shown.collect())
            }
        }
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
        write!(f, "Redaction({} values)", self.secrets.len())
    }
}

/// How many bytes a value takes where it begins at `at`, however it is written there; none where it does not stand there.
fn stands_at(text: &str, at: usize, secret: &str) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    // Almost everywhere this ends it.
    if !matches!(rest.first()?, b'%' | b'\\' | b'+')
        && !rest.first()?.eq_ignore_ascii_case(secret.as_bytes().first()?)
    {
        return None;
    }
    // Where the rest may go on: one character may be written in several ways, and a way may look like two.
    let mut ends = vec![0];
    for letter in secret.chars() {
        let mut next: Vec<usize> = Vec::new();
        for end in ends {
            letter_ends(rest, end, letter, &mut next);
        }
        next.sort_unstable();
        next.dedup();
        ends = next;
    }
    let length = ends.last().copied()?;
    let stands_alone = || !ends_in_word(text.get(..at)) && !begins_with_word(text.get(at + length..));
    (secret.len() >= ANYWHERE_BYTES_MIN || stands_alone()).then_some(length)
}

/// Adds where a letter ends that begins at `start`, in each way to write it.
fn letter_ends(text: &[u8], start: usize, letter: char, ends: &mut Vec<usize>) {
    let mut utf8 = [0; 4];
    let mut plain = vec![start];
    for byte in letter.encode_utf8(&mut utf8).bytes() {
        plain = plain.into_iter().flat_map(|at| byte_ends(text, at, byte)).collect();
    }
    ends.extend(plain);
    if letter == ' ' && text.get(start) == Some(&b'+') {
        ends.push(start + 1);
    }
    let Some([b'\\', escaped, hex @ ..]) = text.get(start..) else { return };
    let short = match escaped {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        other => char::from(*other),
    };
    if *escaped != b'u' && short == letter {
        ends.push(start + 2);
    }
    let mut units = [0; 2];
    let written: String =
        letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    let same = |found: &[u8]| found.eq_ignore_ascii_case(written.as_bytes());
    if *escaped == b'u' && hex.len() >= 4 && text.get(start..start + written.len()).is_some_and(same) {
        ends.push(start + written.len());
    }
}

/// Where a byte ends that begins at `at`: as it stands, or percent-encoded once or more.
fn byte_ends(text: &[u8], at: usize, byte: u8) -> Vec<usize> {
    let mut ends = Vec::new();
    if text.get(at).is_some_and(|found| found.eq_ignore_ascii_case(&byte)) {
        ends.push(at + 1);
    }
    if text.get(at) == Some(&b'%') {
        let mut digits = at + 1;
        for _ in 0..ENCODINGS_MAX {
            let found = text.get(digits..digits + 2).and_then(|hex| std::str::from_utf8(hex).ok());
            let value = found.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            if value.is_some_and(|value| value.eq_ignore_ascii_case(&byte)) {
                ends.push(digits + 2);
            }
            if value != Some(b'%') {
                break;
            }
            digits += 2;
        }
    }
    ends
}

/// Whether a text ends within a word. What `%20` and its like end in is no letter.
fn ends_in_word(before: Option<&str>) -> bool {
    let before = before.unwrap_or_default();
    let is_escape = before.as_bytes().iter().rev().nth(2) == Some(&b'%');
    !is_escape && before.ends_with(char::is_alphanumeric)
}

/// What a value becomes where it is put into JSON as it is: shown as JSON, that reads as the value again.
fn unescaped(value: &str) -> Option<String> {
    value.contains('\\').then(|| serde_json::from_str(&format!("\"{value}\"")).ok()).flatten()
}

fn begins_with_word(after: Option<&str>) -> bool {
    after.unwrap_or_default().starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_hidden_as_it_stands_and_as_urls_forms_and_json_write_it() {
        let redaction = Redaction::new(["s/e\"c ét", "s/e\"c ét-and-more", "%41+%"]);
        let cases = [
            ("a s/e\"c ét b", "a *** b"),
            ("S/E\"C ét", "***"),
            ("http://h/?k=s%2Fe%22c%20%C3%A9t&r=eu", "http://h/?k=***&r=eu"),
            ("k=s%2fe%22c+%c3%a9t", "k=***"),
            ("?next=%2F%3Fk%3Ds%252Fe%2522c%2520%25C3%25A9t", "?next=%2F%3Fk%3D***"),
            (r#"{"k":"s/e\"c ét-and-more"}"#, r#"{"k":"***"}"#),
            (r#"{"k":"s\/\u0065\u0022c \u00E9t"}"#, r#"{"k":"***"}"#),
            ("%41+% %2541%2B%25 %252541+%25", "*** *** ***"),
            ("s/e\"c e", "s/e\"c e"),
        ];
        for (text, expected) in cases {
            assert_eq!(redaction.text(text), expected, "{text}");
        }
        assert!(!format!("{redaction:?}").contains("c ét"));
    }

    #[test]
    fn short_values_are_hidden_only_where_they_stand_alone() {
        let redaction = Redaction::new(["eu", "1", "true"]);
        assert_eq!(redaction.text("?r=eu&a=1&b=true neutral,%20eu"), "?r=***&a=1&b=true neutral,%20***");
    }

    #[test]
    fn a_text_is_cut_behind_a_value_never_in_it() {
        let redaction = Redaction::new(["hush-hush"]);
        assert_eq!(redaction.start("é hush-hush x", 5), "é ***");
        assert_eq!(redaction.start("é hush-hush x", 14), "é *** x");
        assert_eq!(redaction.start("é", 1), "é");
    }

    #[test]
    fn a_value_that_was_put_into_json_as_it_is_is_hidden() {
        let redaction = Redaction::new([r"A\\b c"]);
        let body: Json = serde_json::from_str(r#"{"n": "is A\\b c!"}"#).unwrap();
        assert_eq!(body["n"], r"is A\b c!");
        assert_eq!(redaction.json(&body)["n"], "is ***!");
    }

    #[test]
    fn json_keeps_its_shape() {
        let redaction = Redaction::new(["4711", "key-name"]);
        let json = serde_json::json!({"key-name": [4711, 14711.5, 3, true, null, "x4711"]});
        let expected = serde_json::json!({"***": ["***", "1***.5", 3, true, null, "x***"]});
        assert_eq!(redaction.json(&json), expected);
    }

    #[test]
    fn credentials_are_hidden_whatever_they_hold_and_wherever_they_turn_up() {
        let mut redaction = Redaction::new(["hush-hush"]);
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

        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer t0k.en"));
        headers.insert(header::COOKIE, HeaderValue::from_static("session=abcd; theme=dark"));
        redaction.hide_credentials(&headers);
        assert_eq!(redaction.text("?t=t0k.en&s=abcd&auth=Bearer%20t0k.en"), "?t=***&s=***&auth=***");
        assert_eq!(redaction.url("https://user:pass@h/a?b=hush-hush"), "https://***@h/a?b=***");
        assert_eq!(redaction.url("/a@b"), "/a@b");
    }

    proptest! {
        #[test]
        fn no_value_is_left_however_it_is_written(
            secrets in prop::collection::vec("[a-zA-Z0-9][a-zA-Z0-9/+%\"\\\\é ._-]{2,10}[a-zA-Z0-9]", 1..4),
            around in prop::collection::vec("[a-z%&=+/\\\\ é\"]{0,8}", 4),
            ways in prop::collection::vec(0..5usize, 3),
        ) {
            use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
            let redaction = Redaction::new(secrets.iter().map(String::as_str));
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let written = |secret: &str, way: usize| match way {
                0 => secret.to_owned(),
                1 => encode(secret),
                2 => encode(&encode(secret)),
                3 => serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
                _ => encode(secret).replace("%20", "+").to_lowercase(),
            };
            let mut text = around[0].clone();
            let mut hidden = Vec::new();
            for ((secret, way), after) in secrets.iter().zip(ways).zip(around.iter().skip(1)) {
                hidden.push(written(secret.trim(), way));
                text.push_str(hidden.last().unwrap());
                text.push_str(after);
            }
            let shown = redaction.text(&text);
            for secret in hidden.iter().filter(|secret| secret.len() >= ANYWHERE_BYTES_MIN) {
                prop_assert!(!shown.contains(secret.as_str()), "{secret:?} in {shown:?} of {text:?}");
            }
        }
    }
}
