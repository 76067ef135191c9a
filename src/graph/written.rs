//! `@source`, `@connect`, `@subscribe`, `@groupBy`, `@cached` and `@invalidates` as they are written, every value with its place. What GraphQL itself checks
//! (unknown arguments, wrong kinds of literals) is reported by composition; here only strings are told from other
//! literals, which a custom scalar would let pass.

use apollo_compiler::{
    Name, Node,
    ast::{Directive, Value},
};

use super::{files::SchemaFiles, literal::SchemaText};
use crate::{
    config::CacheScope,
    diagnostic::{Code, Diagnostic, Diagnostics, Place},
};

/// The methods that a connector may use (section 2 of the connect language: no HEAD, no OPTIONS).
pub(super) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// `@source(…)`
#[derive(Debug)]
pub(super) struct WrittenSource {
    pub(super) place: Place,
    pub(super) name: Option<SchemaText>,
    pub(super) base_url: Option<SchemaText>,
    pub(super) request: WrittenRequest,
    pub(super) errors: WrittenErrors,
    pub(super) is_success: Option<SchemaText>,
}

/// `@connect(…)`
#[derive(Debug)]
pub(super) struct WrittenConnect {
    pub(super) place: Place,
    pub(super) source: Option<SchemaText>,
    pub(super) id: Option<SchemaText>,
    pub(super) http: Option<WrittenHttp>,
    /// `batch.maxSize`
    pub(super) batch_size_max: Option<WrittenNumber>,
    pub(super) errors: WrittenErrors,
    pub(super) is_success: Option<SchemaText>,
    pub(super) selection: Option<SchemaText>,
    pub(super) entity: bool,
    /// Whether it is given events instead of responses: `@subscribe(topic:)`.
    pub(super) hears: bool,
}

/// `http: { GET: …, … }` of a connector.
#[derive(Debug)]
pub(super) struct WrittenHttp {
    pub(super) place: Place,
    /// Method, URL. There should be one.
    pub(super) methods: Vec<(&'static str, SchemaText)>,
    pub(super) body: Option<SchemaText>,
    pub(super) request: WrittenRequest,
}

/// What `http` of a source and of a connector have in common.
#[derive(Debug, Default)]
pub(super) struct WrittenRequest {
    pub(super) path: Option<SchemaText>,
    pub(super) query_params: Option<SchemaText>,
    pub(super) headers: Vec<WrittenHeader>,
}

/// `{ name, from | value }`
#[derive(Debug)]
pub(super) struct WrittenHeader {
    pub(super) place: Place,
    pub(super) name: Option<SchemaText>,
    pub(super) from: Option<SchemaText>,
    pub(super) value: Option<SchemaText>,
}

/// `errors: { message, extensions }`
#[derive(Debug, Default)]
pub(super) struct WrittenErrors {
    pub(super) message: Option<SchemaText>,
    pub(super) extensions: Option<SchemaText>,
}

/// `@groupBy(item:, parent:, maxSize:)`
#[derive(Debug)]
pub(super) struct WrittenGroupBy {
    pub(super) place: Place,
    pub(super) item: Vec<SchemaText>,
    pub(super) parent: Vec<SchemaText>,
    pub(super) size_max: Option<WrittenNumber>,
}

/// `@cached(ttl:, staleWhileRevalidate:, staleIfError:, scope:, tags:)`
#[derive(Debug)]
pub(super) struct WrittenCached {
    pub(super) place: Place,
    pub(super) ttl: Option<SchemaText>,
    pub(super) stale_while_revalidate: Option<SchemaText>,
    pub(super) stale_if_error: Option<SchemaText>,
    pub(super) scope: Option<CacheScope>,
    pub(super) tags: Vec<SchemaText>,
}

/// `@invalidates(tags:)`
#[derive(Debug)]
pub(super) struct WrittenInvalidates {
    pub(super) place: Place,
    pub(super) tags: Vec<SchemaText>,
}

/// `@subscribe(…)`: a connector without `http`, or one that polls, and what makes it give its next value.
#[derive(Debug)]
pub(super) struct WrittenSubscribe {
    pub(super) connect: WrittenConnect,
    pub(super) topic: Option<SchemaText>,
    pub(super) filter: Option<SchemaText>,
    pub(super) authorize: Option<WrittenAuthorize>,
    pub(super) poll: Option<SchemaText>,
}

/// `authorize` of `@subscribe`.
#[derive(Debug)]
pub(super) enum WrittenAuthorize {
    /// `NONE`
    Everybody,
    /// `{ source, http, every }`
    Asked { connect: Box<WrittenConnect>, every: Option<SchemaText> },
    /// Anything else; it was reported.
    Unknown,
}

/// An integer and its place.
#[derive(Debug)]
pub(super) struct WrittenNumber {
    pub(super) value: i32,
    pub(super) place: Place,
}

impl WrittenConnect {
    /// One that says nothing.
    fn at(place: Place) -> Self {
        WrittenConnect {
            place,
            source: None,
            id: None,
            http: None,
            batch_size_max: None,
            errors: WrittenErrors::default(),
            is_success: None,
            selection: None,
            entity: false,
            hears: false,
        }
    }
}

/// Reads directives of one element.
pub(super) struct DirectiveReader<'a> {
    pub(super) files: &'a SchemaFiles,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// The element, for diagnostics.
    pub(super) coordinate: String,
}

type Entries<'n> = &'n [(Name, Node<Value>)];

impl DirectiveReader<'_> {
    pub(super) fn source(&mut self, directive: &Node<Directive>) -> WrittenSource {
        let http =
            directive.specified_argument_by_name("http").and_then(|http| http.as_object()).unwrap_or(&[]);
        WrittenSource {
            place: self.files.place(directive.location()),
            name: self.argument(directive, "name", Code::InvalidSourceName),
            base_url: self.entry(http, "baseURL", Code::InvalidUrl),
            request: self.request(http),
            errors: self.errors(directive),
            is_success: self.argument(directive, "isSuccess", Code::InvalidIsSuccess),
        }
    }

    pub(super) fn connect(&mut self, directive: &Node<Directive>) -> WrittenConnect {
        let argument = |name: &str| directive.specified_argument_by_name(name);
        let http = argument("http").filter(|http| !http.is_null()).map(|http| self.http(http));
        let batch = argument("batch").and_then(|batch| batch.as_object()).unwrap_or(&[]);
        WrittenConnect {
            place: self.files.place(directive.location()),
            source: self.argument(directive, "source", Code::SourceNameMismatch),
            id: self.argument(directive, "id", Code::InvalidConnectorIdName),
            http,
            batch_size_max: find(batch, "maxSize").and_then(|value| self.number(value)),
            errors: self.errors(directive),
            is_success: self.argument(directive, "isSuccess", Code::InvalidIsSuccess),
            selection: self.argument(directive, "selection", Code::InvalidSelection),
            entity: argument("entity").and_then(|value| value.to_bool()).unwrap_or(false),
            hears: false,
        }
    }

    pub(super) fn cached(&mut self, directive: &Node<Directive>) -> WrittenCached {
        let scope = directive.specified_argument_by_name("scope");
        WrittenCached {
            place: self.files.place(directive.location()),
            ttl: self.argument(directive, "ttl", Code::InvalidCached),
            stale_while_revalidate: self.argument(directive, "staleWhileRevalidate", Code::InvalidCached),
            stale_if_error: self.argument(directive, "staleIfError", Code::InvalidCached),
            scope: scope.and_then(|scope| scope.as_enum()).and_then(|name| CacheScope::of(name)),
            tags: self.texts(directive, "tags", Code::InvalidCached),
        }
    }

    pub(super) fn invalidates(&mut self, directive: &Node<Directive>) -> WrittenInvalidates {
        WrittenInvalidates {
            place: self.files.place(directive.location()),
            tags: self.texts(directive, "tags", Code::InvalidInvalidates),
        }
    }

    pub(super) fn group_by(&mut self, directive: &Node<Directive>) -> WrittenGroupBy {
        let mut paths = |name: &str| self.texts(directive, name, Code::InvalidGroupBy);
        let (item, parent) = (paths("item"), paths("parent"));
        let size_max = directive.specified_argument_by_name("maxSize").and_then(|value| self.number(value));
        WrittenGroupBy { place: self.files.place(directive.location()), item, parent, size_max }
    }

    pub(super) fn subscribe(&mut self, directive: &Node<Directive>) -> WrittenSubscribe {
        let argument =
            |name: &str| directive.specified_argument_by_name(name).filter(|value| !value.is_null());
        let place = self.files.place(directive.location());
        let connect = WrittenConnect {
            source: self.argument(directive, "source", Code::SourceNameMismatch),
            http: argument("http").map(|http| self.http(http)),
            selection: self.argument(directive, "selection", Code::InvalidSelection),
            hears: argument("poll").is_none(),
            ..WrittenConnect::at(place)
        };
        WrittenSubscribe {
            connect,
            topic: self.argument(directive, "topic", Code::InvalidSubscribe),
            filter: self.argument(directive, "where", Code::InvalidSubscribe),
            authorize: argument("authorize").map(|value| self.authorize(value)),
            poll: self.argument(directive, "poll", Code::InvalidSubscribe),
        }
    }

    fn authorize(&mut self, value: &Node<Value>) -> WrittenAuthorize {
        let place = self.files.place(value.location());
        let fault = |place: Place, message: String| {
            let help = "write `authorize: {source: \"…\", http: {GET: \"…\"}, every: \"60s\"}`, or `authorize: NONE`";
            Diagnostic::new(Code::InvalidSubscribe, place, message).help(help)
        };
        if value.as_enum().is_some_and(|name| name == "NONE") {
            return WrittenAuthorize::Everybody;
        }
        let Some(entries) = value.as_object() else {
            let diagnostic = fault(place, "`authorize` is neither a request nor `NONE`".to_owned());
            self.diagnostics.push(diagnostic.on(self.coordinate.as_str()));
            return WrittenAuthorize::Unknown;
        };
        for (name, value) in entries {
            let message = match name.as_str() {
                "source" | "http" | "every" => continue,
                other => format!("`authorize` has no `{other}`"),
            };
            let diagnostic = fault(self.files.place(value.location()), message);
            self.diagnostics.push(diagnostic.on(self.coordinate.as_str()));
        }
        let http = find(entries, "http").filter(|http| http.as_object().is_some());
        if let Some(http) = http {
            self.known_http(http);
        }
        let Some(http) = http else {
            let diagnostic = fault(place, "`authorize` has no request".to_owned());
            self.diagnostics.push(diagnostic.on(self.coordinate.as_str()));
            return WrittenAuthorize::Unknown;
        };
        let connect = WrittenConnect {
            source: self.entry(entries, "source", Code::SourceNameMismatch),
            http: Some(self.http(http)),
            ..WrittenConnect::at(place)
        };
        let every = self.entry(entries, "every", Code::InvalidSubscribe);
        WrittenAuthorize::Asked { connect: Box::new(connect), every }
    }

    /// The keys of an `http` that GraphQL did not check.
    fn known_http(&mut self, http: &Node<Value>) {
        for (name, value) in http.as_object().unwrap_or(&[]) {
            let name = name.as_str();
            if METHODS.contains(&name) || ["body", "headers", "path", "queryParams"].contains(&name) {
                continue;
            }
            let place = self.files.place(value.location());
            let diagnostic =
                Diagnostic::new(Code::InvalidSubscribe, place, format!("`http` has no `{name}`"))
                    .help("write a method with its URL, `headers`, `path`, `queryParams` and `body`")
                    .on(self.coordinate.as_str());
            self.diagnostics.push(diagnostic);
        }
    }

    fn http(&mut self, http: &Node<Value>) -> WrittenHttp {
        let entries = http.as_object().unwrap_or(&[]);
        let methods = METHODS
            .into_iter()
            .filter_map(|method| Some((method, self.entry(entries, method, Code::InvalidUrl)?)))
            .collect();
        WrittenHttp {
            place: self.files.place(http.location()),
            methods,
            body: self.entry(entries, "body", Code::InvalidBody),
            request: self.request(entries),
        }
    }

    fn request(&mut self, http: Entries<'_>) -> WrittenRequest {
        let headers = find(http, "headers").map(items).unwrap_or_default();
        WrittenRequest {
            path: self.entry(http, "path", Code::InvalidUrlProperty),
            query_params: self.entry(http, "queryParams", Code::InvalidUrlProperty),
            headers: headers.iter().map(|header| self.header(header)).collect(),
        }
    }

    fn header(&mut self, header: &Node<Value>) -> WrittenHeader {
        let entries = header.as_object().unwrap_or(&[]);
        WrittenHeader {
            place: self.files.place(header.location()),
            name: self.entry(entries, "name", Code::InvalidHeader),
            from: self.entry(entries, "from", Code::InvalidHeader),
            value: self.entry(entries, "value", Code::InvalidHeader),
        }
    }

    fn errors(&mut self, directive: &Node<Directive>) -> WrittenErrors {
        let errors = directive.specified_argument_by_name("errors").and_then(|errors| errors.as_object());
        let errors = errors.unwrap_or(&[]);
        WrittenErrors {
            message: self.entry(errors, "message", Code::InvalidErrorsMessage),
            extensions: self.entry(errors, "extensions", Code::InvalidErrorsMessage),
        }
    }

    /// The texts of a list.
    fn texts(&mut self, directive: &Directive, name: &str, code: Code) -> Vec<SchemaText> {
        let Some(value) = directive.specified_argument_by_name(name) else { return Vec::new() };
        items(value).iter().filter_map(|item| self.text(item, code)).collect()
    }

    fn argument(&mut self, directive: &Directive, name: &str, code: Code) -> Option<SchemaText> {
        directive.specified_argument_by_name(name).and_then(|value| self.text(value, code))
    }

    fn entry(&mut self, entries: Entries<'_>, name: &str, code: Code) -> Option<SchemaText> {
        find(entries, name).and_then(|value| self.text(value, code))
    }

    fn text(&mut self, value: &Node<Value>, code: Code) -> Option<SchemaText> {
        if value.is_null() {
            return None;
        }
        let text = SchemaText::of(value, self.files);
        if text.is_none() {
            let place = self.files.place(value.location());
            let diagnostic = Diagnostic::new(code, place, "this must be a string")
                .help("put it between quotes, or between \"\"\" for several lines")
                .on(self.coordinate.as_str());
            self.diagnostics.push(diagnostic);
        }
        text
    }

    fn number(&self, value: &Node<Value>) -> Option<WrittenNumber> {
        Some(WrittenNumber { value: value.to_i32()?, place: self.files.place(value.location()) })
    }
}

fn find<'n>(entries: Entries<'n>, name: &str) -> Option<&'n Node<Value>> {
    entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The items of a list; a single value counts as a list of one.
fn items(value: &Node<Value>) -> &[Node<Value>] {
    match &**value {
        Value::List(items) => items,
        Value::Null => &[],
        _ => std::slice::from_ref(value),
    }
}
