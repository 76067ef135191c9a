//! Origins of backends, each parsed once: what stands behind one is parsed against it, which takes a fraction of the time.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{PoisonError, RwLock},
};

use reqwest::Url;

/// So many are known: the configuration names them, and no client can add to them.
const ORIGINS_MAX: usize = 10_000;

type Parsed = Result<Url, <Url as FromStr>::Err>;

/// The origins that were parsed, by their text.
#[derive(Debug, Default)]
pub(super) struct Origins {
    known: RwLock<HashMap<Box<str>, Url, ahash::RandomState>>,
}

impl Origins {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub(super) fn parse(&self, text: &str) -> Parsed {
        let Some((origin, path)) = split(text) else { return Url::parse(text) };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(origin) {
            return origin.join(path);
        }
        drop(known);
        let parsed = Url::parse(origin)?;
        let url = parsed.join(path);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < ORIGINS_MAX {
            known.insert(origin.into(), parsed);
        }
        url
    }
}

/// The origin and what stands behind it, where that means the same when it is parsed against the origin (URL standard, "relative
/// slash state"): a path whose second character cannot be taken for the beginning of a host.
fn split(text: &str) -> Option<(&str, &str)> {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    let scheme = ["http://", "https://"].into_iter().find(|scheme| begins(scheme))?.len();
    let authority = text.get(scheme..)?.find(['/', '?', '#', '\\'])?;
    let (origin, path) = text.split_at_checked(scheme + authority)?;
    let is_path = path.starts_with('/') && !path.get(1..).is_some_and(|rest| rest.starts_with(['/', '\\']));
    // Tabs and line breaks are not seen by the parser wherever they stand, and blanks not at either end.
    let is_plain = !text.bytes().any(|byte| byte.is_ascii_control()) && !origin.contains(' ');
    // Where nobody stands before the path, the parser takes what is behind it for a host.
    (authority > 0 && is_path && is_plain).then_some((origin, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn origins_are_kept_and_what_is_behind_them_is_not() {
        let origins = Origins::default();
        for path in ["/a", "/b?c=d", "/", "//e", "?f"] {
            origins.parse(&format!("http://h:8080{path}")).unwrap();
        }
        let known = origins.known.into_inner().unwrap();
        assert_eq!(known.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["http://h:8080"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_url_is_what_it_is_without_them(
            origin in prop::sample::select(vec![
                "http://h", "HTTPS://H:443", "http://user:p%40ss@127.1:8080", "http://[::1]:80", "https://ü.example", "http://",
                "http://a b", " http://h", "mailto:a", "foo://h", "file:///c:", "http:h",
            ]),
            rest in prop::collection::vec(prop::sample::select(vec![
                "/", "//", "\\", ".", "..", "%2e", "%", "%zz", "a", "ü", "?", "#", "&", "=", ":", "@", " ", "\t", "\n", "\r", "\0",
                "|", "c:", "evil.example", "[", "'", "\"",
            ]), 0..8),
        ) {
            let (text, origins) = (format!("{origin}{}", rest.concat()), Origins::default());
            let expected = Url::parse(&text);
            prop_assert_eq!(origins.parse(&text), expected.clone(), "{}", text);
            prop_assert_eq!(origins.parse(&text), expected, "{} again", text);
        }
    }
}
