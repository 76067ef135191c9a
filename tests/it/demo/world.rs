//! The demo's graph and backends, and the rows to compare answers with.

use std::{net::TcpListener, sync::Arc};

use ficus::{
    Gateway,
    config::Config,
    demo::{
        self, Running,
        data::{Customer, Product, Review, Shop},
    },
    execute::Request,
    fetch::HttpUpstream,
    graph,
};
use serde_json::{Value, json};

/// The backends on free ports, a gateway in front of them, and what they were filled with.
pub(super) struct World {
    pub(super) running: Running,
    pub(super) gateway: Gateway,
    pub(super) shop: Shop,
}

impl World {
    pub(super) async fn start() -> Self {
        let running = start_backends().await;
        let sources = demo::sources(&running);
        World::over(running, &sources)
    }

    /// The gateway finds nobody where this backend should be.
    pub(super) async fn start_without(backend: &str) -> Self {
        let running = start_backends().await;
        let mut sources = demo::sources(&running);
        // Taken, and free again: the system does not give it away at once.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        sources.env.insert(format!("{}_URL", backend.to_uppercase()), format!("http://{address}"));
        World::over(running, &sources)
    }

    fn over(running: Running, sources: &graph::Sources) -> Self {
        let loaded = graph::load_sources(sources).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let upstream = Arc::new(HttpUpstream::new().unwrap());
        let gateway = Gateway::new(loaded.graph, Config::open(), upstream);
        World { running, gateway, shop: Shop::generate() }
    }

    /// The whole answer.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> Value {
        let variables = variables.as_object().unwrap().clone();
        let request = Request { query: query.to_owned(), variables, ..Request::default() };
        serde_json::from_slice(&self.gateway.execute(request).await.body).unwrap()
    }

    /// The answer's data; there must be no errors.
    pub(super) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(query, variables).await;
        assert_eq!(answer.get("errors"), None);
        answer["data"].take()
    }

    pub(super) fn customer(&self, id: u32) -> &Customer {
        self.shop.customers.iter().find(|customer| customer.id == id).unwrap()
    }

    pub(super) fn loyalty_tier(customer: &Customer) -> &'static str {
        ["BRONZE", "SILVER", "GOLD"][customer.loyalty as usize - 1]
    }

    pub(super) fn without_birthday(&self) -> &Customer {
        self.shop.customers.iter().find(|customer| customer.born.is_none()).unwrap()
    }

    pub(super) fn product(&self, id: u32) -> &Product {
        self.shop.products.iter().find(|product| product.id == id).unwrap()
    }

    /// A product that has related ones.
    pub(super) fn related(&self) -> &Product {
        self.shop.products.iter().find(|product| product.related.len() > 1).unwrap()
    }

    /// A product without reviews.
    pub(super) fn unrated(&self) -> &Product {
        self.shop.products.iter().find(|product| self.reviews_of(product.id).next().is_none()).unwrap()
    }

    /// Latest first.
    pub(super) fn reviews_of(&self, product: u32) -> impl Iterator<Item = &Review> {
        self.shop.reviews.iter().rev().filter(move |review| review.product == product)
    }

    /// As the reviews service has it: null without reviews, the average to one place.
    pub(super) fn rating(&self, product: u32) -> Value {
        let stars: Vec<u32> = self.reviews_of(product).map(|review| review.stars).collect();
        if stars.is_empty() {
            return Value::Null;
        }
        let average = f64::from(stars.iter().sum::<u32>()) / stars.len() as f64;
        json!({ "average": (average * 10.0).round() / 10.0, "count": stars.len() })
    }
}

/// The backends on free ports.
pub(super) async fn start_backends() -> Running {
    let options = demo::BackendOptions { first_port: 0, ..demo::BackendOptions::default() };
    demo::start(options).await.unwrap()
}

/// A client for what listens on loopback.
pub(super) fn http_client() -> reqwest::Client {
    // Nothing here is encrypted; the client still asks for a provider.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
