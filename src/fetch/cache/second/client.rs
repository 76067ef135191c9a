//! The Redis client as `redis` of `ficus.yaml` describes it. Nothing is connected here.

use std::path::Path;

use redis::{Client, ClientTlsConfig, TlsCertificates};

use crate::config::Redis;

/// # Errors
/// When the URL, or a certificate, cannot be read.
pub(super) fn client(settings: &Redis) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let Some(tls) = &settings.tls else { return Ok(Client::open(settings.url.as_str())?) };
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let client_tls = match &tls.identity {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    let root_cert = tls.ca.as_deref().map(read).transpose()?;
    Ok(Client::build_with_tls(settings.url.as_str(), TlsCertificates { client_tls, root_cert })?)
}
