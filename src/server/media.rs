//! Media types: which one a response is written as (`Accept`), and whether a request's is one that Ficus reads
//! (`Content-Type`). Codings of bodies are not here (see `coding`).

use http::{HeaderMap, HeaderValue, header};

use super::header_list::{Item, items};

/// How a client reads answers (`Accept`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// One answer; none where it takes only streams.
    pub(super) single: Option<MediaType>,
    /// Answers over time; none where it names no form of them.
    pub(super) stream: Option<StreamType>,
}

impl Accepted {
    /// What the headers of a request say.
    pub(super) fn of(headers: &HeaderMap) -> Accepted {
        let mut lines = headers.get_all(header::ACCEPT).iter();
        let first = lines.next().map(HeaderValue::as_bytes);
        if lines.next().is_none()
            && let Some(media) = first.map_or(Some(MediaType::Json), alone)
        {
            return Accepted { single: Some(media), stream: None };
        }
        let lines = || headers.get_all(header::ACCEPT).iter();
        Accepted { single: MediaType::negotiate(lines()), stream: StreamType::negotiate(lines()) }
    }

    /// The media type of what is said at once whatever the client accepts, such as a refusal.
    pub(super) fn plain(&self) -> MediaType {
        self.single.unwrap_or(MediaType::Json)
    }
}

/// What most clients send, one media type and nothing else: told without reading it as a list.
fn alone(accept: &[u8]) -> Option<MediaType> {
    match accept {
        b"application/graphql-response+json" => Some(MediaType::GraphqlResponse),
        b"application/json" | b"*/*" => Some(MediaType::Json),
        _ => None,
    }
}

/// What a GraphQL response can be written as. The bytes are the same; the status is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status says whether the operation ran.
    GraphqlResponse,
    /// `application/json`: 200 for every well-formed GraphQL request, for clients from before the specification.
    Json,
}

impl MediaType {
    /// The value of `Content-Type`.
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            MediaType::Json => "application/json; charset=utf-8",
        })
    }

    /// The best of what a client accepts for one answer; none when it accepts neither. No `Accept` at all means `application/json`, as
    /// GraphQL over HTTP asks for.
    pub(super) fn negotiate<'a>(accept: impl Iterator<Item = &'a HeaderValue>) -> Option<MediaType> {
        let mut graphql = Preference::default();
        let mut json = Preference::default();
        let mut said_something = false;
        for item in accept.filter_map(|value| value.to_str().ok()).flat_map(items) {
            said_something = true;
            let Some(quality) = item.quality() else { continue };
            if !charset_is_utf8(&item) {
                continue;
            }
            if item.is("application/graphql-response+json") {
                graphql.offer(2, quality);
            } else if item.is("application/json") {
                json.offer(2, quality);
            } else if item.is("application/*") {
                graphql.offer(1, quality);
                json.offer(1, quality);
            } else if item.is("*/*") {
                graphql.offer(0, quality);
                json.offer(0, quality);
            }
        }
        if !said_something {
            return Some(MediaType::Json);
        }
        match (graphql.quality, json.quality) {
            (0, 0) => None,
            (a, b) if a > b => Some(MediaType::GraphqlResponse),
            (a, b) if a < b => Some(MediaType::Json),
            // Equal: the one that is named; of two that are named the newer; of two that only a wildcard covers the older.
            _ if graphql.precision == Some(2) => Some(MediaType::GraphqlResponse),
            _ => Some(MediaType::Json),
        }
    }
}

/// What answers over time can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamType {
    /// `text/event-stream`.
    Events,
    /// `multipart/mixed` with `subscriptionSpec=1.0`.
    Multipart,
}

impl StreamType {
    /// What a client wants most, of equals what it names first; none when it names neither. A wildcard does not mean them: who
    /// cannot read streams sends it too.
    pub(super) fn negotiate<'a>(accept: impl Iterator<Item = &'a HeaderValue>) -> Option<StreamType> {
        let mut best = (0, None);
        for item in accept.filter_map(|value| value.to_str().ok()).flat_map(items) {
            let found = if item.is("text/event-stream") {
                StreamType::Events
            } else if item.is("multipart/mixed")
                && item
                    .parameter("subscriptionSpec")
                    .is_some_and(|version| version.trim_matches('"') == "1.0")
            {
                StreamType::Multipart
            } else {
                continue;
            };
            let quality = item.quality().unwrap_or(0);
            if quality > best.0 {
                best = (quality, Some(found));
            }
        }
        best.1
    }
}

/// What `Accept` says of one media type: the most precise range that covers it decides (RFC 9110, section 12.5.1).
#[derive(Default)]
struct Preference {
    precision: Option<u8>,
    quality: u16,
}

impl Preference {
    fn offer(&mut self, precision: u8, quality: u16) {
        if self.precision < Some(precision) {
            *self = Preference { precision: Some(precision), quality };
        } else if self.precision == Some(precision) {
            self.quality = self.quality.max(quality);
        }
    }
}

/// Whether a request with this `Content-Type` is one that Ficus reads: JSON in UTF-8.
pub(super) fn is_json(content_type: &HeaderValue) -> bool {
    let bytes = content_type.as_bytes();
    if bytes == b"application/json" {
        return true;
    }
    let Ok(text) = content_type.to_str() else { return false };
    let mut found = items(text);
    match (found.next(), found.next()) {
        (Some(item), None) => item.is("application/json") && charset_is_utf8(&item),
        _ => false,
    }
}

/// Parameters other than `charset` are ignored: clients send some of their own.
fn charset_is_utf8(item: &Item<'_>) -> bool {
    item.parameter("charset").is_none_or(|charset| {
        let charset = charset.trim_matches('"');
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_asked_for_by_name() {
        for (accept, expected) in [
            ("text/event-stream", Some(StreamType::Events)),
            (
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json",
                Some(StreamType::Multipart),
            ),
            ("multipart/mixed; subscriptionSpec=\"1.0\"", Some(StreamType::Multipart)),
            ("multipart/mixed; deferSpec=20220824, application/json", None),
            ("multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream;q=0.9", Some(StreamType::Events)),
            (
                "application/json, text/event-stream, multipart/mixed;subscriptionSpec=1.0",
                Some(StreamType::Events),
            ),
            ("text/event-stream;q=0", None),
            ("*/*", None),
            ("text/*", None),
        ] {
            assert_eq!(
                StreamType::negotiate([HeaderValue::from_static(accept)].iter()),
                expected,
                "{accept}"
            );
        }
    }

    /// With the way for what most clients send and without it.
    fn negotiate(accept: &[&str]) -> Option<MediaType> {
        let values: Vec<_> = accept.iter().map(|text| HeaderValue::from_str(text).unwrap()).collect();
        let headers: HeaderMap = values.iter().map(|value| (header::ACCEPT, value.clone())).collect();
        let negotiated = MediaType::negotiate(values.iter());
        assert_eq!(Accepted::of(&headers).single, negotiated, "{accept:?}");
        negotiated
    }

    #[test]
    fn the_best_acceptable_type_is_chosen() {
        use MediaType::{GraphqlResponse, Json};
        let rows: &[(&[&str], Option<MediaType>)] = &[
            (&[], Some(Json)),
            (&[""], Some(Json)),
            (&["*/*"], Some(Json)),
            (&["application/*"], Some(Json)),
            (&["application/json"], Some(Json)),
            (&["application/graphql-response+json"], Some(GraphqlResponse)),
            (&["Application/GraphQL-Response+JSON"], Some(GraphqlResponse)),
            (&["application/graphql-response+json, application/json"], Some(GraphqlResponse)),
            (&["application/json, application/graphql-response+json"], Some(GraphqlResponse)),
            (&["application/json", "application/graphql-response+json;q=0.9"], Some(Json)),
            (&["application/json;q=0.5, application/graphql-response+json;q=0.501"], Some(GraphqlResponse)),
            (&["application/json, text/plain, */*"], Some(Json)),
            (&["application/graphql-response+json, */*"], Some(GraphqlResponse)),
            (&["application/json;q=0, */*"], Some(GraphqlResponse)),
            (&["*/*;q=0.1, application/json;q=0"], Some(GraphqlResponse)),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
            (&["application/json;q=0.000"], None),
            (&["application/json; q=1.5"], None),
            (&["application/json; charset=utf-8"], Some(Json)),
            (&["application/json; charset=\"UTF-8\""], Some(Json)),
            (&["application/json; charset=utf-16"], None),
            (&["text/html;level=\"1,application/json\""], None),
            (&["text/event-stream, application/json;q=0.2"], Some(Json)),
            (&["application/graphql-response+json; deferSpec=20220824"], Some(GraphqlResponse)),
            (&[",, ,application/json,"], Some(Json)),
        ];
        for (accept, expected) in rows {
            assert_eq!(negotiate(accept), *expected, "{accept:?}");
        }
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        let rows = [
            ("application/json", true),
            ("APPLICATION/JSON", true),
            ("application/json;charset=utf-8", true),
            ("application/json; charset=\"UTF-8\"; profile=x", true),
            ("application/json; charset=iso-8859-1", false),
            ("application/json, text/plain", false),
            ("application/graphql", false),
            ("application/json-seq", false),
            ("text/plain", false),
            ("text/plain; x=application/json", false),
            ("multipart/form-data; boundary=application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_json(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }
}
