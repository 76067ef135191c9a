//! `http: { … }` of a connector: method, URL, path, query, headers and body.

use super::{
    connectors::{Element, in_request},
    expect::Expect,
    headers::{body_format, schema_headers},
    mappings::Mappings,
    sources::scheme_fault,
};
use crate::{
    connector::{BodyFormat, Request, Source},
    diagnostic::{Code, Diagnostic},
    graph::{
        literal::SchemaText,
        written::{METHODS, WrittenConnect, WrittenHttp},
    },
    mapping::{
        ast::Grammar,
        template::{Part, UrlTemplate},
    },
};

/// A fault was reported, and there is no request to bind.
#[derive(Debug)]
pub(super) struct Faulty;

/// The request of a connector; none where it has no `http`.
///
/// # Errors
/// When a fault, reported already, leaves no request.
pub(super) fn request(
    mappings: &mut Mappings<'_>,
    element: Element<'_>,
    written: &WrittenConnect,
    source: &Source,
) -> Result<Option<Request>, Faulty> {
    let Some(http) = &written.http else {
        if mappings.grammar == Grammar::V0_4 || written.hears {
            return Ok(None);
        }
        let message = "a connector without `http` needs connect/v0.4";
        let diagnostic = Diagnostic::new(Code::HttpOmittedRequiresV04, written.place.clone(), message);
        mappings.report(diagnostic.help("add `http: {GET: \"…\"}`, or link connect/v0.4"));
        return Err(Faulty);
    };
    let readable = in_request(element);
    let written_request = &http.request;
    let path =
        mappings.mapping(written_request.path.as_ref(), Code::InvalidUrlProperty, Expect::Segments, readable);
    let query_params = mappings.mapping(
        written_request.query_params.as_ref(),
        Code::InvalidUrlProperty,
        Expect::Parameters,
        readable,
    );
    let headers = schema_headers(mappings, &written_request.headers, readable);
    // The connector file's headers win over the connector's, and these over the source's.
    let body_format = body_format(source.file_headers.iter().chain(&headers).chain(&source.headers));
    let expect = if body_format == BodyFormat::Form { Expect::Form } else { Expect::Anything };
    let body = mappings.mapping(http.body.as_ref(), Code::InvalidBody, expect, readable);
    let (method, text) = method(mappings, http).ok_or(Faulty)?;
    let url = mappings.url(text, readable).ok_or(Faulty)?;
    check_url(mappings, &url, text, written, source);
    Ok(Some(Request { method, url, path, query_params, headers, body, body_format }))
}

fn method<'w>(mappings: &mut Mappings<'_>, http: &'w WrittenHttp) -> Option<(http::Method, &'w SchemaText)> {
    match http.methods.as_slice() {
        [(method, url)] => Some((http::Method::from_bytes(method.as_bytes()).ok()?, url)),
        [] => {
            let diagnostic =
                Diagnostic::new(Code::MissingHttpMethod, http.place.clone(), "`http` names no method");
            mappings.report(diagnostic.help(format!("write one of {}", METHODS.join(", "))));
            None
        }
        [(_, first), (_, second), ..] => {
            let message = "`http` names several methods";
            let diagnostic = Diagnostic::new(Code::MultipleHttpMethods, second.place.clone(), message)
                .also(first.place.clone(), "the first one")
                .help("keep one of them: a connector sends one kind of request");
            mappings.report(diagnostic);
            None
        }
    }
}

/// Absolute without a source, relative with one; scheme and authority written out.
fn check_url(
    mappings: &mut Mappings<'_>,
    url: &UrlTemplate,
    text: &SchemaText,
    written: &WrittenConnect,
    source: &Source,
) {
    let place = || text.place(0..text.value.len());
    match (&url.origin, &written.source) {
        (Some(_), Some(_)) => {
            let message = format!("the URL is absolute, and the source `{}` has a base URL", source.name);
            let diagnostic = Diagnostic::new(Code::AbsoluteConnectUrlWithSource, place(), message);
            mappings.report(diagnostic.help("write the path alone, or remove `source`"));
        }
        (None, None) => {
            let message = "the URL is relative, and the connector has no source";
            let diagnostic = Diagnostic::new(Code::RelativeConnectUrlWithoutSource, place(), message);
            mappings.report(diagnostic.help("name a `source`, or write the URL with its scheme and host"));
        }
        (Some(origin), None) => {
            if origin.parts.iter().any(|part| matches!(part, Part::Expression { .. })) {
                let message = "scheme and host of a connector's URL must be written out";
                let help = "a `@source`'s `baseURL` may read `$config` and `$env`";
                mappings.report(Diagnostic::new(Code::InvalidUrl, place(), message).help(help));
            } else if let Some(fault) = scheme_fault(url, place()) {
                mappings.report(fault);
            }
        }
        (None, Some(_)) => {}
    }
}
