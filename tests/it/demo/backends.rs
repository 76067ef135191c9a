//! The demo's backends behave as their documentation says, over real HTTP.

use std::time::{Duration, Instant};

use ficus::demo::{self, BackendOptions, Running, StartError, data::Shop};
use serde_json::{Value, json};

use super::world::{http_client, start_backends};

/// The backends on free ports, and a client for them.
struct Backends {
    running: Running,
    client: reqwest::Client,
    shop: Shop,
}

impl Backends {
    async fn start() -> Self {
        let running = start_backends().await;
        Backends { running, client: http_client(), shop: Shop::generate() }
    }

    async fn send(&self, method: &str, backend: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.running.urls()[backend]);
        let mut request = self.client.request(method.parse().unwrap(), url);
        if backend == "monolith" {
            request = request.header("x-sys-id", "TEST");
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    async fn get(&self, backend: &str, path: &str) -> (u16, Value) {
        self.send("GET", backend, path, None).await
    }
}

#[tokio::test]
async fn the_monolith_has_its_habits() {
    let backends = Backends::start().await;
    let row = &backends.shop.customers[41];
    let asked = json!({ "mnd": "01", "cust_nos": ["0001042"] });
    let (status, answer) = backends.send("POST", "monolith", "/srv/cust.get", Some(asked)).await;
    let found = &answer["rows"][0];
    assert_eq!((status, &answer["rc"]), (200, &json!("0")));
    assert_eq!(found["cust_no"], "0001042");
    assert_eq!(found["fst_nm"], row.first_name);
    assert_eq!(found["reg_dt"], row.registered.dotted());
    assert_eq!(found["loy_pts"], row.points.to_string());
    assert_eq!(found["crd_lim"], row.credit.to_string().replace('.', ","));
    let words = ["AKT", "GSP", "INA"];
    assert!(words.contains(&found["stat"].as_str().unwrap()));
}

#[tokio::test]
async fn the_monolith_fails_with_200() {
    let backends = Backends::start().await;
    let unknown = json!({ "mnd": "01", "cust_nos": [7] });
    let nameless = json!({ "mnd": "01", "cust_no": "1042", "fst_nm": "", "lst_nm": "" });
    for (method, path, body, code) in [
        ("GET", "/nowhere", None, "E001"),
        ("POST", "/srv/cust.get", Some(json!("")), "E005"),
        ("GET", "/srv/cust.list?mnd=99", None, "E005"),
        ("POST", "/srv/cust.get", Some(unknown), "E404"),
        ("POST", "/srv/cust.upd", Some(nameless), "E011"),
        ("GET", "/srv/idx.find?mnd=01&txt=ab", None, "E012"),
    ] {
        let (status, answer) = backends.send(method, "monolith", path, body).await;
        assert_eq!((status, &answer["err_cd"]), (200, &json!(code)), "{path}");
    }
    let url = format!("{}/srv/cust.list?mnd=01", backends.running.urls()["monolith"]);
    let answer = backends.client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("E403"), "{answer}");
}

#[tokio::test]
async fn the_microservices_answer_batches_by_repeated_ids() {
    let backends = Backends::start().await;
    let (_, products) = backends.get("products", "/products?id=103&id=99999&id=101").await;
    assert_eq!(ids(&products), [103, 101]);
    assert_eq!(products[0]["name"], backends.shop.products[2].name);
    let (_, orders) = backends.get("orders", "/orders?id=20002&id=20001").await;
    assert_eq!(ids(&orders["items"]), [20_002, 20_001]);

    let order = &backends.shop.orders[1];
    assert_eq!(orders["items"][0]["total"]["amount"], order.total().to_string());
    assert_eq!(orders["items"][0]["placedAt"], order.placed_at.to_string());

    let (_, reviews) = backends.get("reviews", "/reviews?productId=101&productId=105&perProduct=2").await;
    let expected = |product| {
        let of_product = backends.shop.reviews.iter().rev().filter(move |review| review.product == product);
        of_product.take(2).map(|review| u64::from(review.id))
    };
    assert_eq!(ids(&reviews), expected(101).chain(expected(105)).collect::<Vec<_>>());

    let asked = json!({ "productIds": ["101", 105] });
    let (_, ratings) = backends.send("POST", "reviews", "/ratings/query", Some(asked)).await;
    let count = backends.shop.reviews.iter().filter(|review| review.product == 105).count();
    assert_eq!(ratings[1]["productId"], 105);
    assert_eq!(ratings[1]["count"], count);
}

#[tokio::test]
async fn lists_have_pages() {
    let backends = Backends::start().await;
    let (_, page) = backends.get("orders", "/orders?limit=3&offset=2").await;
    assert_eq!(ids(&page["items"]), [22_998, 22_997, 22_996]);
    assert_eq!(page["total"], backends.shop.orders.len());
    let (_, paid) = backends.get("orders", "/orders?status=PAID&limit=1").await;
    assert_eq!(paid["items"][0]["status"], "PAID");
    let (_, dear) = backends.get("products", "/products?category=plants&sort=-price&limit=5").await;
    let first = dear["items"][0]["price"]["amount"].as_str().unwrap();
    let highest = backends.shop.products.iter().map(|product| product.price).max().unwrap();
    assert_eq!(first, highest.to_string());
    let (status, problem) = backends.get("orders", "/orders?limit=100000").await;
    assert_eq!((status, &problem["error"]["code"]), (400, &json!("BAD_REQUEST")));
}

#[tokio::test]
async fn the_microservices_fail_with_fitting_statuses() {
    let backends = Backends::start().await;
    let nothing = json!({ "customerId": 1001, "lines": [] });
    let stars = json!({ "productId": 101, "customerId": 1001, "stars": 9, "title": "", "text": "" });
    for (method, backend, path, body, status) in [
        ("GET", "products", "/products/7", None, 404),
        ("GET", "products", "/products/x", None, 404),
        ("GET", "orders", "/orders/1", None, 404),
        ("GET", "orders", "/orders?id=x", None, 400),
        ("GET", "orders", "/orders?status=LOST", None, 400),
        ("POST", "orders", "/orders", Some(nothing), 422),
        ("POST", "reviews", "/reviews", Some(stars), 422),
        ("POST", "reviews", "/reviews", Some(json!("?")), 400),
    ] {
        let (found, problem) = backends.send(method, backend, path, body).await;
        assert_eq!(found, status, "{method} {path}");
        assert!(problem["error"]["message"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn writes_change_what_is_read() {
    let backends = Backends::start().await;
    let new = json!({ "customerId": "1007", "lines": [{ "productId": "110", "quantity": 2 }] });
    let (status, placed) = backends.send("POST", "orders", "/orders", Some(new)).await;
    assert_eq!((status, &placed), (201, &json!({ "id": 23_001 })));
    for (step, status) in [("PAID", 200), ("DELIVERED", 409), ("SHIPPED", 200)] {
        let change = Some(json!({ "status": step }));
        assert_eq!(backends.send("PATCH", "orders", "/orders/23001", change).await.0, status, "{step}");
    }
    let (_, order) = backends.get("orders", "/orders/23001").await;
    assert_eq!((&order["status"], &order["customerId"]), (&json!("SHIPPED"), &json!(1007)));
    assert_eq!(order["payment"]["method"], "transfer");

    let active =
        backends.shop.customers.iter().find(|row| row.standing == demo::data::Standing::Active).unwrap();
    let rename = json!({ "mnd": "01", "cust_no": active.id, "fst_nm": "Ines", "lst_nm": "Adler" });
    let (_, renamed) = backends.send("POST", "monolith", "/srv/cust.upd", Some(rename)).await;
    assert_eq!(renamed["rows"][0]["fst_nm"], "Ines");
    let asked = json!({ "mnd": "01", "cust_nos": [active.id] });
    let (_, read) = backends.send("POST", "monolith", "/srv/cust.get", Some(asked)).await;
    assert_eq!(read["rows"][0]["lst_nm"], "Adler");

    let new = json!({ "productId": 101, "customerId": 1001, "stars": 4, "title": "Good", "text": "" });
    let (_, added) = backends.send("POST", "reviews", "/reviews", Some(new)).await;
    let (_, reviews) = backends.get("reviews", "/reviews?productId=101&perProduct=1").await;
    assert_eq!(reviews[0]["id"], added["id"]);
}

#[tokio::test]
async fn requests_are_counted_by_endpoint() {
    let backends = Backends::start().await;
    for id in [101, 102, 103] {
        backends.get("products", &format!("/products/{id}")).await;
    }
    backends.get("orders", "/orders?limit=1").await;
    let counted = backends.running.requests();
    assert_eq!(counted.get("products GET /products/{id}"), Some(&3));
    assert_eq!(counted.get("orders GET /orders"), Some(&1));
    assert_eq!(counted.len(), 2);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error =
        demo::start(BackendOptions { first_port: port, ..BackendOptions::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::Taken { backend: "monolith", .. }));
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn latency_is_added_on_request() {
    let latency = Duration::from_millis(30);
    let running =
        demo::start(BackendOptions { first_port: 0, latency, ..BackendOptions::default() }).await.unwrap();
    let begun = Instant::now();
    http_client().get(format!("{}/products/101", running.urls()["products"])).send().await.unwrap();
    assert!(begun.elapsed() >= latency);
}

#[tokio::test]
async fn stopped_backends_answer_no_more() {
    let backends = Backends::start().await;
    backends.get("products", "/products/101").await;
    let url = backends.running.urls()["products"].clone();
    // Also with a connection that is kept alive.
    backends.running.stop().await;
    assert!(backends.client.get(format!("{url}/products/101")).send().await.is_err());
}

fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}
