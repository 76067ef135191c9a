//! `extensions.apolloConnectorsDebugging`: the calls of one operation, for tools that read version 2 of that protocol. Everything
//! in it is redacted and bounded. docs/debugging.md describes its form; what is known of a call is `fetch::Exchange`.

use bumpalo::Bump;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use super::watch::Seen;
use crate::{
    connector::{self, BodyFormat, Source},
    error::{ClientError, Code},
    fetch::{Body, Exchange, Finding, REDACTED, Redaction, Site, UpstreamRequest, UpstreamResponse},
    mapping::{ast::Mapping, json::to_json},
};

/// The version of the protocol.
const VERSION: &str = "2";

/// How much of a body, or of what a mapping gave, is shown.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Everything that was seen of an operation. Credentials of any of its messages are hidden in all of them.
pub(super) fn debugging(seen: &Seen, mut redaction: Redaction, client: Option<&HeaderMap>) -> Json {
    client.into_iter().for_each(|headers| redaction.hide_credentials(headers));
    for exchange in seen.exchanges() {
        let sent = exchange.request.iter().flat_map(|request| request.headers.iter().cloned());
        redaction.hide_credentials(&sent.collect());
        exchange.response().into_iter().for_each(|response| redaction.hide_credentials(&response.headers));
    }
    let shown = Shown { redaction };
    // Tools take every entry of `data` for a request and a response.
    let (answered, unanswered): (Vec<&Exchange>, Vec<_>) =
        seen.exchanges().partition(|exchange| exchange.request.is_some() && exchange.response().is_some());
    let entries = |exchanges: Vec<&Exchange>| -> Json {
        exchanges.into_iter().map(|exchange| shown.exchange(exchange)).collect()
    };
    let mut debugging = json!({ "version": VERSION, "data": entries(answered) });
    if !unanswered.is_empty() {
        insert(&mut debugging, "unanswered", entries(unanswered));
    }
    if seen.left_out() > 0 {
        insert(&mut debugging, "omitted", seen.left_out().into());
    }
    debugging
}

/// Makes what may be shown of what was seen.
struct Shown {
    redaction: Redaction,
}

impl Shown {
    fn exchange(&self, exchange: &Exchange) -> Json {
        let connector = &*exchange.connector;
        let problems =
            exchange.findings.problems().iter().map(
                |finding| json!({ "location": location(finding.site), "details": self.details(finding) }),
            );
        let mut shown = json!({
            "request": exchange.request.as_ref().map(|request| self.request(exchange, request)),
            "response": exchange.response().map(|response| self.response(exchange, response)),
            "problems": problems.collect::<Vec<_>>(),
            "connector": { "coordinate": connector.coordinate, "source": connector.source.name },
        });
        let cut_off = ClientError::new(Code::GatewayTimeout, "The operation took too long.");
        if let Some(error) = &exchange.error {
            insert(&mut shown, "error", self.error(error));
        } else if exchange.request.is_some() && exchange.answer.is_none() {
            insert(&mut shown, "error", self.error(&cut_off));
        }
        shown
    }

    fn request(&self, exchange: &Exchange, request: &UpstreamRequest) -> Json {
        let connector = &*exchange.connector;
        let written = connector.request.as_ref();
        let mapping = written.and_then(|written| written.body.as_ref());
        let is_form = written.is_some_and(|written| written.body_format == BodyFormat::Form);
        let body = request.body.as_ref().map(|bytes| {
            let (mut body, result) = if is_form {
                (json!({ "kind": "form-urlencoded", "content": self.start(bytes) }), self.fields(bytes))
            } else {
                let body = self.body(bytes);
                let result = body.get("content").cloned().unwrap_or_default();
                (body, result)
            };
            let selection = mapping.map(|mapping| self.mapping(mapping, &mapping.root.to_string(), result));
            insert(&mut body, "selection", selection.into());
            body
        });
        let headers = request.headers.iter().chain(&request.own_headers.0);
        json!({
            "url": self.redaction.url(&request.url),
            "method": request.method.as_str(),
            "headers": self.headers(headers.map(|(name, value)| (name, value))),
            "body": body,
            "sourceUrl": self.source_url(&connector.source),
            "connectUrl": written.map(|written| self.connect_url(written)),
            "sourceHeaders": self.written(connector.source.headers.iter().chain(&connector.source.file_headers)),
            "connectHeaders": self.written(written.into_iter().flat_map(|written| &written.headers)),
        })
    }

    fn response(&self, exchange: &Exchange, response: &UpstreamResponse) -> Json {
        let connector = &*exchange.connector;
        let arena = Bump::new();
        // As the mapping sees it; what it cannot see is shown too.
        let mut body = match Body::read(response, connector.source.settings.response_format, &arena) {
            Ok(Body::Null) => json!({ "kind": "json", "content": Json::Null }),
            Ok(Body::Json(text)) => self.body(text.as_bytes()),
            // As JSON: that is what the mapping's paths go by.
            Ok(Body::Xml(value)) => self.body(to_json(&value).to_string().as_bytes()),
            Ok(Body::Text(text)) => json!({ "kind": "json", "content": self.start(text.as_bytes()) }),
            Err(_) => json!({ "kind": "invalid", "content": self.start(&response.body) }),
        };
        // A failure is not mapped.
        let selection = (exchange.mapped.is_some() || exchange.error.is_none()).then(|| {
            let applied = exchange.applied.clone().unwrap_or_else(|| connector.selection.root.to_string());
            let result = exchange.mapped.as_ref().map_or(Json::Null, |mapped| self.value(mapped));
            self.mapping(&connector.selection, &applied, result)
        });
        insert(&mut body, "selection", selection.into());
        json!({
            "status": response.status.as_u16(),
            "headers": self.headers(response.headers.iter()),
            "body": body,
            "errors": self.errors(exchange),
        })
    }

    /// A mapping, what of it was applied, and what it gave.
    fn mapping(&self, mapping: &Mapping, applied: &str, result: Json) -> Json {
        json!({ "source": self.text(&mapping.text), "transformed": self.text(applied), "result": result })
    }

    fn details(&self, finding: &Finding) -> Json {
        let problem = &finding.problem;
        json!({
            "message": self.text(&problem.message), "path": self.text(&problem.path), "count": problem.count,
        })
    }

    fn error(&self, error: &ClientError) -> Json {
        let mut extensions = error.extensions.clone();
        if !extensions.contains_key("code") {
            extensions.shift_insert(0, "code".to_owned(), error.code.as_str().into());
        }
        json!({ "message": self.text(&error.message), "extensions": self.redaction.json(&Json::Object(extensions)) })
    }

    /// The mappings that say what a failure is called, as written; none where there are none.
    fn errors(&self, exchange: &Exchange) -> Json {
        let (own, source) = (&exchange.connector.errors, &exchange.connector.source.errors);
        let text = |mapping: Option<&Mapping>| mapping.map(|mapping| self.text(&mapping.text));
        let message = text(own.message.as_ref().or(source.message.as_ref()));
        let (source, own) = (text(source.extensions.as_ref()), text(own.extensions.as_ref()));
        if message.is_none() && source.is_none() && own.is_none() {
            return Json::Null;
        }
        json!({ "message": message, "sourceExtensions": source, "connectExtensions": own })
    }

    fn source_url(&self, source: &Source) -> Json {
        let Some(base) = &source.base_url else { return Json::Null };
        json!({
            "base": self.redaction.url(&base.text),
            "path": source.path.as_ref().map(|path| self.text(&path.text)),
            "queryParams": source.query_params.as_ref().map(|query| self.text(&query.text)),
        })
    }

    fn connect_url(&self, request: &connector::Request) -> Json {
        json!({
            "base": self.redaction.url(&request.url.text),
            "path": request.path.as_ref().map(|path| self.text(&path.text)),
            "queryParams": request.query_params.as_ref().map(|query| self.text(&query.text)),
        })
    }

    fn headers<'h>(&self, headers: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>) -> Json {
        headers.map(|(name, value)| json!([name.as_str(), self.redaction.header(name, value)])).collect()
    }

    /// Headers with values of their own, as they are written; none where there are none. What is copied from the client
    /// stands among those that were sent.
    fn written<'h>(&self, headers: impl Iterator<Item = &'h connector::Header>) -> Json {
        let written: Vec<Json> = headers
            .filter_map(|header| {
                let text = match &header.value {
                    connector::HeaderValue::From(_) => return None,
                    connector::HeaderValue::Template(template) => template.to_string(),
                    connector::HeaderValue::Secret(_) => REDACTED.to_owned(),
                };
                let value = HeaderValue::try_from(text).ok()?;
                Some(json!([header.name.as_str(), self.redaction.header(&header.name, &value)]))
            })
            .collect();
        if written.is_empty() { Json::Null } else { written.into() }
    }

    /// A body: JSON where it is short enough to be shown whole, else the beginning of its text.
    fn body(&self, bytes: &[u8]) -> Json {
        if bytes.len() > BODY_BYTES_MAX {
            return json!({ "kind": "json", "content": self.start(bytes) });
        }
        match serde_json::from_slice::<Json>(bytes) {
            Ok(json) => json!({ "kind": "json", "content": self.redaction.json(&json) }),
            Err(_) => json!({ "kind": "invalid", "content": self.start(bytes) }),
        }
    }

    /// What a form says, name by name.
    fn fields(&self, bytes: &[u8]) -> Json {
        let text = String::from_utf8_lossy(bytes);
        if text.len() > BODY_BYTES_MAX {
            return Json::Null;
        }
        let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let fields = pairs.map(|(name, value)| (plain(name), Json::from(plain(value))));
        self.redaction.json(&Json::Object(fields.collect()))
    }

    /// What a mapping gave: as it is, or where it is too long the beginning of its text.
    fn value(&self, value: &Json) -> Json {
        let text = value.to_string();
        if text.len() <= BODY_BYTES_MAX {
            self.redaction.json(value)
        } else {
            self.start(text.as_bytes()).into()
        }
    }

    /// The beginning of a text, with a note of how long it is.
    fn start(&self, bytes: &[u8]) -> String {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return format!("({} bytes that are not text)", bytes.len());
        };
        let start = self.redaction.start(text, BODY_BYTES_MAX);
        if text.len() <= BODY_BYTES_MAX {
            return start.into_owned();
        }
        format!("{start}… ({BODY_BYTES_MAX} of {} bytes)", text.len())
    }

    fn text(&self, text: &str) -> String {
        self.redaction.text(text).into_owned()
    }
}

fn insert(object: &mut Json, key: &str, value: Json) {
    if let Json::Object(entries) = object {
        entries.insert(key.to_owned(), value);
    }
}

/// Which mapping a problem is in, in the protocol's words.
fn location(site: Site) -> &'static str {
    match site {
        Site::SourceUrl => "SourceUrl",
        Site::SourcePath => "SourcePath",
        Site::SourceQueryParams => "SourceQueryParams",
        Site::SourceHeaders => "SourceHeaders",
        Site::Url => "ConnectUrl",
        Site::Path => "ConnectPath",
        Site::QueryParams => "ConnectQueryParams",
        Site::Headers => "ConnectHeaders",
        Site::Body => "RequestBody",
        Site::Selection => "Selection",
        Site::IsSuccess | Site::SourceIsSuccess => "IsSuccess",
        Site::ErrorsMessage | Site::SourceErrorsMessage => "ErrorsMessage",
        Site::SourceErrorsExtensions => "SourceErrorsExtensions",
        Site::ErrorsExtensions => "ConnectErrorsExtensions",
        // Ficus's own: the protocol knows no tags.
        Site::Tags => "CachedTags",
        Site::Invalidates => "InvalidatesTags",
    }
}
