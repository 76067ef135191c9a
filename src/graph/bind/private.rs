//! What of the client's request goes into a connector's request: by that an answer is for its client alone.

use http::HeaderName;

use crate::{
    connector::{Header, HeaderValue, Request, Source},
    mapping::{
        ast::Mapping,
        references::{Reference, references, references_of_template, references_of_url},
    },
};

/// The first thing that goes into the request from the client's, in words for a message. Headers that are said to change no
/// answer do not count.
pub(super) fn of_client(request: &Request, source: &Source, ignored: &[HeaderName]) -> Option<String> {
    let base = source.base_url.iter().flat_map(references_of_url);
    let url = base.chain(references_of_url(&request.url)).find_map(|read| variable(&read));
    let mappings =
        [&source.path, &source.query_params, &request.path, &request.query_params].into_iter().flatten();
    url.map(|variable| format!("`{variable}` in its URL"))
        .or_else(|| mappings.clone().find_map(read_by).map(|variable| format!("`{variable}` in its URL")))
        .or_else(|| {
            let body = request.body.as_ref().and_then(read_by);
            body.map(|variable| format!("`{variable}` in its body"))
        })
        .or_else(|| {
            let headers = source.file_headers.iter().chain(&request.headers).chain(&source.headers);
            headers.filter(|header| !ignored.contains(&header.name)).find_map(of_header)
        })
}

fn of_header(header: &Header) -> Option<String> {
    let name = &header.name;
    match &header.value {
        HeaderValue::From(from) if from == name => Some(format!("the client's header `{name}`")),
        HeaderValue::From(from) => Some(format!("the client's header `{from}` as `{name}`")),
        HeaderValue::Template(template) => {
            let read = references_of_template(template).iter().find_map(variable);
            read.map(|variable| format!("`{variable}` in the header `{name}`"))
        }
        HeaderValue::Secret(_) => None,
    }
}

fn read_by(mapping: &Mapping) -> Option<String> {
    references(mapping).iter().find_map(variable)
}

/// The variable as it is written, where it says something of the client: `$context` is what a host application knows of it.
fn variable(read: &Reference) -> Option<String> {
    let path: String = read.path.iter().map(|key| format!(".{key}")).collect();
    ["request", "context"].contains(&read.variable.as_str()).then(|| format!("${}{path}", read.variable))
}
