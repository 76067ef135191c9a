//! What the contenders that are written in Rust have in common: an HTTP client like Ficus's, and a listener. How they answer is theirs.

use std::sync::Arc;

use axum::{Router, serve::ListenerExt as _};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The same TLS and decompression are compiled in as in Ficus, and the upstream uses neither.
pub fn client() -> anyhow::Result<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?)
}

/// The URLs of services at these addresses.
pub fn urls(addresses: &[String]) -> Vec<String> {
    addresses.iter().map(|address| format!("http://{address}")).collect()
}

/// Serves until the process is asked to end.
pub fn serve(address: &str, router: Router) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Answers are written whole, so there is nothing to wait for.
        let listener = TcpListener::bind(address).await?.tap_io(|socket| {
            let _ = socket.set_nodelay(true);
        });
        let mut ended = signal(SignalKind::terminate())?;
        tokio::select! {
            served = axum::serve(listener, router) => Ok(served?),
            _ = ended.recv() => Ok(()),
        }
    })
}
