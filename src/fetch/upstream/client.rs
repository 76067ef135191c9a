//! Makes the HTTP clients, each with its own pool of connections: one for all sources that say nothing about their
//! connections, and one for each source that does. Not for what is sent over them.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use http::{HeaderMap, HeaderValue, header};
use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};

use crate::{
    connector::{HttpVersion, Source, Tls, Transport},
    error::Code,
    fetch::{FetchError, SetUpError},
};

/// Bytes of response headers over HTTP/2. (Over HTTP/1 hyper's own bounds hold: 100 headers, about 400 KiB.)
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// The clients.
#[derive(Debug)]
pub(super) struct Clients {
    shared: Client,
    /// By source. One whose settings changed with a reload gets a new client.
    own: RwLock<HashMap<String, Own, ahash::RandomState>>,
}

#[derive(Debug, Clone)]
struct Own {
    transport: Arc<Transport>,
    /// To the source.
    backend: Client,
    /// To its token endpoint, which may have a certificate that anybody trusts, and speaks another HTTP.
    tokens: Client,
}

impl Clients {
    /// No connections yet.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub(super) fn new() -> Result<Self, SetUpError> {
        let shared = client(&Transport::default(), false)?;
        Ok(Clients { shared, own: RwLock::default() })
    }

    /// The client for a source.
    ///
    /// # Errors
    /// When it has settings of its own that the HTTP library refuses.
    pub(super) fn backend(&self, source: &Source) -> Result<Cow<'_, Client>, FetchError> {
        match &source.settings.transport {
            None => Ok(Cow::Borrowed(&self.shared)),
            Some(transport) => Ok(Cow::Owned(self.own(source, transport)?.backend)),
        }
    }

    /// The client for a source's token endpoint: through the same proxy, trusting the system's authorities too.
    ///
    /// # Errors
    /// As [`Clients::backend`].
    pub(super) fn tokens(&self, source: &Source) -> Result<Client, FetchError> {
        match &source.settings.transport {
            None => Ok(self.shared.clone()),
            Some(transport) => Ok(self.own(source, transport)?.tokens),
        }
    }

    fn own(&self, source: &Source, transport: &Arc<Transport>) -> Result<Own, FetchError> {
        let is_same = |own: &&Own| Arc::ptr_eq(&own.transport, transport) || own.transport == *transport;
        let known = self.own.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = known.get(&source.name).filter(is_same) {
            return Ok(own.clone());
        }
        drop(known);
        let mut known = self.own.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = known.get(&source.name).filter(is_same) {
            return Ok(own.clone());
        }
        let for_tokens = Transport { version: HttpVersion::Auto, ..Transport::clone(transport) };
        let made = client(transport, false).and_then(|backend| {
            Ok(Own { transport: Arc::clone(transport), backend, tokens: client(&for_tokens, true)? })
        });
        let own = made.map_err(|error| {
            let message = "Connector error: the connection settings of this source cannot be used";
            FetchError::new(Code::ConnectorRequestInvalid, message).with_detail(causes(&error))
        })?;
        known.insert(source.name.clone(), own.clone());
        Ok(own)
    }
}

/// An error with what it came of.
fn causes(error: &SetUpError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Redirects are answers, not instructions; there are no cookies, no `Referer`, and no proxy from the environment.
fn client(transport: &Transport, trusts_system_too: bool) -> Result<Client, SetUpError> {
    let failed = |error: reqwest::Error| SetUpError::Client(Box::new(error));
    let tls =
        tls_config(transport, trusts_system_too).map_err(|error| SetUpError::Client(Box::new(error)))?;
    let mut own = HeaderMap::new();
    // Legacy backends answer `*/*` with HTML; what is declared by a connector replaces this.
    own.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    own.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("zstd,gzip,br"));
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("ficus/", env!("CARGO_PKG_VERSION")))
        .default_headers(own)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // `answer` decompresses: the library undoes one coding and forgets that there were others.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_proxy()
        .connect_timeout(transport.connect_timeout)
        .pool_idle_timeout(transport.pool_idle)
        .http2_max_header_list_size(HEADER_BYTES_MAX);
    builder = match transport.version {
        HttpVersion::Auto => builder,
        HttpVersion::One => builder.http1_only(),
        HttpVersion::Two => builder.http2_prior_knowledge(),
    };
    if let Some(proxy) = &transport.proxy {
        builder = builder.proxy(reqwest::Proxy::all(&proxy.url).map_err(failed)?);
    }
    builder.build().map_err(failed)
}

/// The certificate authorities of the system, read once. A machine without any still serves `http:` backends, and
/// learns about its lack from the first `https:` one.
static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(detail = %error, "a certificate authority of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    Arc::new(roots)
});

/// TLS for what has no source: the system's authorities, and no certificate.
pub(in crate::fetch) fn default_tls() -> Result<ClientConfig, rustls::Error> {
    tls_config(&Transport::default(), false)
}

/// TLS with ring: the other provider takes minutes to build.
fn tls_config(transport: &Transport, trusts_system_too: bool) -> Result<ClientConfig, rustls::Error> {
    let Tls { authorities, identity } = &transport.tls;
    let roots = match authorities {
        None => Arc::clone(&ROOTS),
        Some(authorities) => {
            let system =
                if trusts_system_too { RootCertStore::clone(&ROOTS) } else { RootCertStore::empty() };
            let mut roots = system;
            roots.add_parsable_certificates(authorities.0.iter().cloned());
            Arc::new(roots)
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?,
    };
    config.alpn_protocols = match transport.version {
        HttpVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::One => vec![b"http/1.1".to_vec()],
        HttpVersion::Two => vec![b"h2".to_vec()],
    };
    Ok(config)
}
