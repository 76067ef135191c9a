//! How connections to a source are made: what its connector file says, with the files that it names read and checked.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use super::mappings::Mappings;
use crate::{
    config::{ClientCredentialsFile, ConnectorFile, HttpFile, Placed, TlsFile, environment::Text},
    connector::{
        Authorities, ClientAuthentication, ClientCredentials, Header, HeaderValue, HttpVersion, Identity,
        Proxy, Redirects, SourceSettings, Tls, TlsError, Transport,
    },
    diagnostic::{Code, Diagnostic},
};

/// Larger than any chain of certificates.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Fills in transport, redirects and tokens.
pub(super) fn transport(mappings: &mut Mappings<'_>, file: &ConnectorFile, settings: &mut SourceSettings) {
    if file.tls.is_some() || file.http.is_some() {
        let mut transport = Transport::default();
        if let Some(http) = &file.http {
            set_http(mappings, http, &mut transport);
        }
        if let Some(tls) = &file.tls {
            transport.tls = read_tls(mappings, tls);
        }
        settings.transport = (transport != Transport::default()).then(|| Arc::new(transport));
    }
    if file.follows_redirects {
        settings.redirects = Redirects::SameOrigin;
    }
    settings.auth = file.auth.as_ref().and_then(|auth| client_credentials(mappings, auth)).map(Arc::new);
}

/// What stands for the token on a request until it is sent: who Ficus is, so that keys of caches tell sources apart and
/// know nothing of tokens.
pub(super) fn add_token(
    mappings: &mut Mappings<'_>,
    file: &ConnectorFile,
    auth: &ClientCredentials,
    headers: &mut Vec<Header>,
) {
    let name = http::header::AUTHORIZATION;
    if let Some(declared) =
        file.headers.iter().find(|header| header.name.value.value().eq_ignore_ascii_case(name.as_str()))
    {
        let message = "the header `authorization` is set twice";
        let mut diagnostic = Diagnostic::new(Code::HttpHeaderNameCollision, declared.place.clone(), message);
        if let Some(auth) = &file.auth {
            diagnostic = diagnostic.also(auth.place.clone(), "`auth` sets it too");
        }
        mappings.report(diagnostic.help("keep one of them"));
        return;
    }
    if let Ok(mut value) = http::HeaderValue::from_str(&auth.identity()) {
        value.set_sensitive(true);
        headers.push(Header { name, value: HeaderValue::Secret(value) });
    }
}

fn set_http(mappings: &mut Mappings<'_>, http: &HttpFile, transport: &mut Transport) {
    transport.version = match http.version.as_deref() {
        Some("1") => HttpVersion::One,
        Some("2") => HttpVersion::Two,
        _ => HttpVersion::Auto,
    };
    transport.pool_idle = http.pool_idle.unwrap_or(transport.pool_idle);
    transport.connect_timeout = http.connect_timeout.unwrap_or(transport.connect_timeout);
    let Some(text) = &http.proxy else { return };
    let url = text.value.value();
    let fits = |uri: &http::Uri| {
        uri.scheme_str() == Some("http")
            && uri.host().is_some_and(|host| !host.is_empty())
            && matches!(uri.path(), "" | "/")
    };
    if url.parse::<http::Uri>().is_ok_and(|uri| fits(&uri)) {
        transport.proxy = Some(Proxy { url });
        return;
    }
    let message = format!("`{}` is not the URL of an HTTP proxy", text.value.written);
    let help = "example: `http://user:password@proxy.internal:3128`, with special characters of the password percent-encoded";
    refuse(mappings, text, message, help);
}

fn read_tls(mappings: &mut Mappings<'_>, file: &TlsFile) -> Tls {
    let authorities = file.ca.as_ref().and_then(|path| {
        let pem = read_file(mappings, path)?;
        Authorities::read(&pem).map_err(|error| unfit(mappings, path, &error)).ok()
    });
    let identity = match (&file.cert, &file.key) {
        (Some(cert), Some(key)) => {
            let (chain, secret) = (read_file(mappings, cert), read_file(mappings, key));
            let chain = chain.and_then(|pem| {
                Identity::read_chain(&pem).map_err(|error| unfit(mappings, cert, &error)).ok()
            });
            chain.zip(secret).and_then(|(chain, pem)| {
                Identity::read_key(chain, &pem).map_err(|error| unfit(mappings, key, &error)).ok()
            })
        }
        (None, None) => None,
        _ if file.faulty => None,
        _ => {
            let message = "a client certificate needs both `cert` and `key`";
            let diagnostic = Diagnostic::new(Code::InvalidValue, file.place.clone(), message);
            mappings
                .report(diagnostic.help("example: `tls: { cert: certs/ficus.pem, key: certs/ficus.key }`"));
            None
        }
    };
    Tls { authorities, identity }
}

/// Reads a file that a connector file names, relative to that.
fn read_file(mappings: &mut Mappings<'_>, path: &Placed<Text>) -> Option<Vec<u8>> {
    let beside = Path::new(&*path.place.file).parent().unwrap_or(Path::new(""));
    let read = || {
        let file = File::open(beside.join(path.value.value()))?;
        // A device or a pipe could go on forever, or wait for somebody.
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > PEM_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than 1MiB"));
        }
        Ok(bytes)
    };
    read()
        .map_err(|error| {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
                _ => error.to_string(),
            };
            let message = format!("`{}` cannot be read: {cause}", path.value.written);
            refuse(mappings, path, message, "paths are relative to the connector file");
        })
        .ok()
}

fn unfit(mappings: &mut Mappings<'_>, path: &Placed<Text>, error: &TlsError) {
    let help = match error {
        TlsError::EncryptedKey => {
            "decrypt it into a file that only Ficus may read: `openssl pkey -in KEY -out PLAIN`"
        }
        TlsError::KeyMismatch => "`key` belongs to the first certificate of `cert`",
        _ => "certificates and keys are PEM files",
    };
    refuse(mappings, path, format!("`{}` cannot be used: {error}", path.value.written), help);
}

fn client_credentials(
    mappings: &mut Mappings<'_>,
    file: &ClientCredentialsFile,
) -> Option<ClientCredentials> {
    let token_url = file.token_url.value.value();
    let is_http =
        |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !token_url.parse::<http::Uri>().is_ok_and(|uri| is_http(&uri)) {
        let message = format!("`{}` is not the URL of a token endpoint", file.token_url.value.written);
        refuse(mappings, &file.token_url, message, "example: `https://id.internal/oauth2/token`");
        return None;
    }
    let (client_id, client_secret) = (file.client_id.value.value(), file.client_secret.value.value());
    for (text, value, name) in
        [(&file.client_id, &client_id, "client_id"), (&file.client_secret, &client_secret, "client_secret")]
    {
        if value.is_empty() {
            let message = format!("`{name}` is empty");
            refuse(mappings, text, message, "look at the environment variable that it is read from");
            return None;
        }
    }
    Some(ClientCredentials {
        token_url,
        client_id,
        client_secret,
        scopes: file.scopes.iter().map(|scope| scope.value.value()).collect(),
        audience: file.audience.as_ref().map(|audience| audience.value.value()),
        method: if file.in_form { ClientAuthentication::Post } else { ClientAuthentication::Basic },
    })
}

fn refuse(mappings: &mut Mappings<'_>, text: &Placed<Text>, message: impl Into<String>, help: &str) {
    mappings.report(Diagnostic::new(Code::InvalidValue, text.place.clone(), message).help(help));
}
