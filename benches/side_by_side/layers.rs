//! What the cache and the guards before the HTTP client cost a request that none of them serves: the same query so many times
//! through a gateway in this process, with those layers or without. `layers.sh` counts its instructions.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use ficus::{
    Gateway,
    diagnostic::render,
    execute::Request,
    fetch::{CachedUpstream, HttpUpstream, ResilientUpstream, Upstream},
    graph::{Sources, load_sources},
};

use crate::workloads::Q1;

/// A source as it is when nothing is said of it: equal requests shared, answers kept where they allow it, which the
/// upstream's do not.
const CONNECTOR: &str = "base_url: http://127.0.0.1:4280\n";
/// What says that nothing is shared or kept.
const OFF: &str = "cache: off\nshare_in_flight: false\n";

/// Sends Q1 `count` times, one after the other.
pub fn run(layers: &str, count: usize) -> anyhow::Result<()> {
    let said = if layers == "off" { OFF } else { "" };
    let sources = Sources {
        schema: vec![(
            "schema/posts.graphql".to_owned(),
            include_str!("graph/schema/posts.graphql").to_owned(),
        )],
        connectors: vec![("connectors/blog.yaml".to_owned(), format!("{CONNECTOR}{said}"))],
        ..Sources::default()
    };
    let loaded = load_sources(&sources).map_err(|found| anyhow::anyhow!(render(&found, false)))?;
    let http: Arc<dyn Upstream> = Arc::new(HttpUpstream::new()?);
    let resilient = |inner| Arc::new(ResilientUpstream::new(inner)) as Arc<dyn Upstream>;
    let upstream = match layers {
        "none" => http,
        "resilience" => resilient(http),
        "all" | "off" => Arc::new(CachedUpstream::new(resilient(http), loaded.config.cache_bytes_max as u64)),
        other => bail!("there are no layers {other:?}: none, resilience, all or off"),
    };
    let gateway = Gateway::new(loaded.graph, loaded.config, upstream);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut first = None;
        for _ in 0..count {
            let request =
                Request { query: Q1.to_owned(), headers: Some(http::HeaderMap::new()), ..Request::default() };
            let body = gateway.execute(request).await.body;
            let first = first.get_or_insert_with(|| body.clone());
            ensure!(*first == body && body.starts_with(b"{\"data\":{\"posts\":["), "a wrong answer");
        }
        first.context("COUNT is more than 0").map(drop)
    })
}
