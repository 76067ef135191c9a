//! How connections to a source are made and what is shown there: TLS, HTTP version, proxy, redirects, tokens. Resolved and
//! checked; the defaults stand here, each with its why. Not for sending anything.

use std::{fmt, sync::Arc, time::Duration};

use super::tls::Tls;

/// How connections to a source are made (`http` and `tls` in a connector file). Sources that say nothing of it share one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// Which HTTP is spoken. Default: what TLS negotiates, and HTTP/1.1 without TLS.
    pub version: HttpVersion,
    /// How long an idle connection is kept. Default 90 s.
    pub pool_idle: Duration,
    /// How long a connection may take to stand, TLS included. Default 1 s.
    pub connect_timeout: Duration,
    /// What all connections go through; none from the environment. Default none.
    pub proxy: Option<Proxy>,
    /// Whom TLS trusts and who Ficus is there. Default: the system's authorities, and nobody.
    pub tls: Tls,
}

impl Default for Transport {
    fn default() -> Self {
        Transport {
            version: HttpVersion::Auto,
            // Longer than the usual pause between requests of a quiet service.
            pool_idle: Duration::from_secs(90),
            // Backends are near; a second is an eternity there.
            connect_timeout: Duration::from_secs(1),
            proxy: None,
            tls: Tls::default(),
        }
    }
}

/// Which HTTP is spoken to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// What TLS negotiates; HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    One,
    /// HTTP/2 only, from the first byte on where there is no TLS.
    Two,
}

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `http://host:port`, with user and password where it asks for them.
    pub url: String,
}

impl Proxy {
    /// `user:password`, as it is written.
    fn credentials(&self) -> Option<&str> {
        let authority = self.url.split_once("://")?.1;
        Some(authority.rsplit_once('@')?.0)
    }
}

/// Says nothing of user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(…)")
    }
}

/// Whether a source's redirects are followed (`redirects` in a connector file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// They are answers. The default: a backend must not choose where requests with credentials go.
    #[default]
    None,
    /// At most three, to the same scheme, host and port.
    SameOrigin,
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4): tokens that Ficus fetches for a source.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are asked for.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// Proves it.
    pub client_secret: String,
    /// What the token is for; none leaves it to the token endpoint.
    pub scopes: Vec<String>,
    /// Whom the token is for, where the token endpoint wants to know.
    pub audience: Option<String>,
    /// How the client proves who it is. Default in a header, which every token endpoint must accept.
    pub method: ClientAuthentication,
}

/// Where client id and secret stand in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// `Authorization: Basic …`.
    #[default]
    Basic,
    /// In the form.
    Post,
}

impl ClientCredentials {
    /// Who Ficus is to the backend, whatever token it holds just now: tells requests apart in keys of caches and shared
    /// fetches. Stands where the token will stand, and holds no secret.
    #[must_use]
    pub fn identity(&self) -> String {
        let scopes = self.scopes.join(" ");
        let parts = [&*self.client_id, &*self.token_url, &*scopes].into_iter();
        let mut identity = "OAuth2".to_owned();
        for part in parts.chain(self.audience.as_deref()) {
            identity.push(' ');
            identity.extend(percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC));
        }
        identity
    }
}

/// Says nothing of the secret.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").finish_non_exhaustive()
    }
}

/// What of a source's settings nobody may be shown.
pub(super) fn secrets<'s>(
    transport: Option<&'s Arc<Transport>>,
    auth: Option<&'s Arc<ClientCredentials>>,
) -> impl Iterator<Item = &'s str> {
    let proxy = transport.and_then(|transport| transport.proxy.as_ref()?.credentials());
    let password = proxy.and_then(|credentials| Some(credentials.split_once(':')?.1));
    proxy.into_iter().chain(password).chain(auth.map(|auth| auth.client_secret.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_in_debug_output() {
        let proxy = Proxy { url: "http://ann:hush@proxy:3128".to_owned() };
        let auth = ClientCredentials {
            token_url: "https://id/token".to_owned(),
            client_id: "ficus a".to_owned(),
            client_secret: "hush".to_owned(),
            scopes: vec!["orders:read".to_owned()],
            audience: None,
            method: ClientAuthentication::Basic,
        };
        assert!(!format!("{proxy:?} {auth:?} {}", auth.identity()).contains("hush"));
        assert_eq!(auth.identity(), "OAuth2 ficus%20a https%3A%2F%2Fid%2Ftoken orders%3Aread");
        let transport = Arc::new(Transport { proxy: Some(proxy), ..Transport::default() });
        let auth = Arc::new(auth);
        assert_eq!(secrets(Some(&transport), Some(&auth)).collect::<Vec<_>>(), ["ann:hush", "hush", "hush"]);
    }
}
