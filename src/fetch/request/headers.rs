//! The declared headers of a request. The connector file's win over the connector's own, those over the source's of
//! `@source`; names compare without case.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::BuildError;
use crate::{
    connector::{Header, HeaderValue as Declared, Request, Source},
    fetch::{Scope, Site},
};

/// In the order they are sent.
pub(super) type Headers = Vec<(HeaderName, HeaderValue)>;

pub(super) fn build<'a>(
    source: &'a Source,
    request: &'a Request,
    client: Option<&HeaderMap>,
    scope: &mut Scope<'_, 'a>,
) -> Result<Headers, BuildError> {
    let mut headers = Headers::new();
    let sets = |headers: &[Header], name: &HeaderName| headers.iter().any(|header| header.name == *name);
    for declared in &source.file_headers {
        write(declared, Site::SourceHeaders, client, scope, &mut headers)?;
    }
    for declared in request.headers.iter().filter(|header| !sets(&source.file_headers, &header.name)) {
        write(declared, Site::Headers, client, scope, &mut headers)?;
    }
    let higher = |name: &HeaderName| sets(&source.file_headers, name) || sets(&request.headers, name);
    for declared in source.headers.iter().filter(|header| !higher(&header.name)) {
        write(declared, Site::SourceHeaders, client, scope, &mut headers)?;
    }
    Ok(headers)
}

fn write<'a>(
    declared: &'a Header,
    site: Site,
    client: Option<&HeaderMap>,
    scope: &mut Scope<'_, 'a>,
    headers: &mut Headers,
) -> Result<(), BuildError> {
    let mut push = |mut value: HeaderValue| {
        // Keeps it out of debug output, and out of HPACK's shared table.
        let secret = [header::AUTHORIZATION, header::COOKIE].contains(&declared.name);
        value.set_sensitive(secret || value.is_sensitive());
        headers.push((declared.name.clone(), value));
    };
    match &declared.value {
        Declared::Secret(value) => push(value.clone()),
        Declared::Template(template) => {
            let text = scope.render(site, template).ok_or(BuildError::NotText("header"))?;
            push(HeaderValue::from_str(text).map_err(|_| BuildError::HeaderValue(declared.name.clone()))?);
        }
        Declared::From(name) => {
            let client = client.ok_or_else(|| BuildError::NoClientHeaders(name.clone()))?;
            if of_one_hop(name, client) {
                return Ok(());
            }
            client.get_all(name).iter().cloned().for_each(push);
            // Not louder than this: many clients rightly send none of the headers that may be forwarded.
            if !client.contains_key(name) {
                tracing::debug!(header = %name, "the client sent no header to copy");
            }
        }
    }
    Ok(())
}

/// Whether a header is about the connection it came over: by its name, or because `Connection` lists it (RFC 9110, 7.6.1).
fn of_one_hop(name: &HeaderName, client: &HeaderMap) -> bool {
    const OF_ONE_HOP: [HeaderName; 7] = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    OF_ONE_HOP.contains(name)
        || name.as_str() == "keep-alive"
        || client
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
            .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}
