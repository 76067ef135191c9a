//! What a connector reads, gathered from all its mappings and templates and those of its source.

use crate::{
    connector::{Header, HeaderValue, Inputs, Request, Source},
    mapping::references::Reference,
};

/// Gathers the inputs. `of_connector` and `of_source` are what their mappings read.
pub(super) fn inputs(
    of_connector: &[Reference],
    of_source: &[Reference],
    request: Option<&Request>,
    source: &Source,
) -> Inputs {
    let mut inputs = Inputs::default();
    // A connector without a request sends nothing of its source.
    let of_source = if request.is_some() { of_source } else { &[] };
    for reference in of_connector.iter().chain(of_source) {
        add(&mut inputs, reference);
    }
    if let Some(request) = request {
        let headers = source.file_headers.iter().chain(&request.headers).chain(&source.headers);
        inputs.client_headers.extend(headers.filter_map(copied));
    }
    for paths in [&mut inputs.args, &mut inputs.this, &mut inputs.batch] {
        paths.sort();
        paths.dedup();
    }
    for names in [&mut inputs.client_headers, &mut inputs.env] {
        names.sort();
        names.dedup();
    }
    inputs
}

/// Adds one read.
pub(super) fn add(inputs: &mut Inputs, reference: &Reference) {
    let path = &reference.path;
    match reference.variable.as_str() {
        "args" => inputs.args.push(path.clone()),
        "this" => inputs.this.push(path.clone()),
        "batch" => inputs.batch.push(path.clone()),
        "request" => match path.get(1) {
            Some(name) => inputs.client_headers.push(name.to_lowercase()),
            None => inputs.all_client_headers = true,
        },
        "env" => inputs.env.extend(path.first().cloned()),
        "config" => inputs.config = true,
        "context" => inputs.context = true,
        "response" => inputs.response_headers = true,
        _ => {}
    }
}

fn copied(header: &Header) -> Option<String> {
    match &header.value {
        HeaderValue::From(name) => Some(name.as_str().to_owned()),
        HeaderValue::Template(_) | HeaderValue::Secret(_) => None,
    }
}
