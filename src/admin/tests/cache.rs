//! What is kept, its tags, and purges of them.

use super::*;
use crate::{
    execute,
    fetch::CachedUpstream,
    graph::{Sources, load_sources},
};

/// Answers each request with `{"id": 7}`.
struct Seven;

impl Upstream for Seven {
    fn send<'a>(
        &'a self,
        _: &'a std::sync::Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let response = UpstreamResponse::new(StatusCode::OK, http::HeaderMap::new(), r#"{"id": 7}"#.into());
        Box::pin(async { Ok(response) })
    }
}

fn gateway() -> Gateway {
    let schema = r#"
        type Query {
          product(id: ID!): Product
            @connect(source: "shop", http: {GET: "/products/{$args.id}"}, selection: "id")
            @cached(ttl: "60s", tags: ["products", "product:{$args.id}"])
          user: Product @connect(source: "users", http: {GET: "/me"}, selection: "id") @cached(ttl: "60s", tags: ["products"])
        }
        type Product { id: ID }
    "#;
    let file = |name: &str| (format!("connectors/{name}.yaml"), format!("base_url: http://{name}"));
    let sources = Sources {
        schema: vec![("schema.graphql".to_owned(), schema.to_owned())],
        connectors: vec![file("shop"), file("users")],
        ..Sources::default()
    };
    let loaded = load_sources(&sources).unwrap_or_else(|found| panic!("{found:?}"));
    Gateway::new(loaded.graph, loaded.config, Arc::new(CachedUpstream::new(Arc::new(Seven), 1 << 20)))
}

#[tokio::test]
async fn what_is_kept_is_shown_with_its_tags_and_purged_by_them() {
    let gateway = gateway();
    // Each time with other words, so that no whole answer is used.
    let ask = async |user: &str| {
        let query = format!(
            r#"{{ a: product(id: "1") {{ id }} b: product(id: "2") {{ id }} {user}: user {{ id }} }}"#
        );
        gateway.execute(execute::Request { query, ..execute::Request::default() }).await
    };
    let control = Control::new(Events::new(gateway.clone(), Hub::default()), Arc::new(Vec::new));
    let router = listener::router(control, Guard { loopback: true, token: None });
    let figures = "{ cache { hits misses hitRatio tags { name entries } } }";
    let tag = |name: &str, entries: u32| json!({ "name": name, "entries": entries });

    let none = json!({"data": {"cache": {"hits": 0, "misses": 0, "hitRatio": null, "tags": []}}});
    assert_eq!(query(&router, figures).await, none);
    ask("c").await;
    ask("d").await;
    let tags = [tag("products", 3), tag("product:1", 1), tag("product:2", 1)];
    let kept = json!({"data": {"cache": {"hits": 3, "misses": 3, "hitRatio": 0.5, "tags": tags}}});
    assert_eq!(query(&router, figures).await, kept);
    let first = query(&router, "{ cache { tags(first: 1) { name } } }").await;
    assert_eq!(first, json!({"data": {"cache": {"tags": [{"name": "products"}]}}}));

    let levels = query(&router, "{ cache { bytesMax answers { bytesMax } redis { connected } } }").await;
    let (all, eighth) = (256 << 20, 32 << 20);
    let expected = json!({ "bytesMax": all - eighth, "answers": { "bytesMax": eighth }, "redis": null });
    assert_eq!(levels["data"]["cache"], expected);

    let purged =
        query(&router, r#"mutation { purge(tags: ["product:1", "nothing"]) { tags { name entries } } }"#)
            .await;
    assert_eq!(purged, json!({"data": {"purge": {"tags": [tag("products", 2), tag("product:2", 1)]}}}));
    let purged = query(&router, r#"mutation { purge(source: "users") { tags { name entries } } }"#).await;
    assert_eq!(purged, json!({"data": {"purge": {"tags": [tag("product:2", 1), tag("products", 1)]}}}));
    let refused =
        query(&router, r#"mutation { purge(source: "users", tags: ["products"]) { bytes } }"#).await;
    assert_eq!(refused["errors"][0]["message"], "a tag belongs to no source: purge by `source` or by `tags`");
    ask("e").await;
    let counted = query(&router, "{ cache { hits misses } }").await;
    assert_eq!(counted, json!({"data": {"cache": {"hits": 4, "misses": 5}}}));
    let purged = query(&router, r#"mutation { purge { tags { name } } }"#).await;
    assert_eq!(purged, json!({"data": {"purge": {"tags": []}}}));
}
