//! The monolith: customers, and an old search index over everything. It has been there for twenty years, and looks it:
//! short names, numbers and amounts as strings, dates as dd.mm.yyyy, status words of its own, an empty string for
//! "nothing", and status 200 whatever happens: what failed says so in the body, as `err_cd` and `err_txt`.
//! The connectors turn all that into a clean model; nothing outside `connectors/` and `schema/` knows of it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    data::{Amount, Customer, Order, Product, Standing},
    http::{Params, value},
};

/// What the monolith knows.
struct Monolith {
    customers: RwLock<Vec<Customer>>,
    /// The nightly index over the other systems: kind, number, text in capitals.
    index: Vec<(&'static str, u32, String)>,
}

/// The monolith's routes, if they can be called that.
pub(super) fn router(customers: Vec<Customer>, products: &[Product], orders: &[Order]) -> Router {
    let names: HashMap<u32, String> =
        customers.iter().map(|customer| (customer.id, customer.name().to_uppercase())).collect();
    let articles = products.iter().map(|product| ("ART", product.id, product.name.to_uppercase()));
    let buyers = customers.iter().map(|customer| ("CUST", customer.id, customer.name().to_uppercase()));
    let papers = orders.iter().map(|order| {
        let name = names.get(&order.customer).map_or("", String::as_str);
        ("ORD", order.id, format!("{} {name}", order.id))
    });
    let index = articles.chain(buyers).chain(papers).collect();
    Router::new()
        .route("/srv/cust.list", get(list))
        .route("/srv/cust.get", post(fetch))
        .route("/srv/cust.upd", post(update))
        .route("/srv/idx.find", get(find))
        .fallback(|| async { failure("E001", "UNKNOWN FUNCTION") })
        .with_state(Arc::new(Monolith { customers: RwLock::new(customers), index }))
}

/// `GET /srv/cust.list?mnd=01&stat=AKT&max=20&skip=0`: number, names and standing only.
async fn list(State(monolith): State<Arc<Monolith>>, headers: HeaderMap, params: Params) -> Json<Value> {
    if let Some(refused) = refuse(&headers, value(&params, "mnd")) {
        return refused;
    }
    let customers = monolith.customers.read().unwrap_or_else(PoisonError::into_inner);
    let wanted = value(&params, "stat");
    let found: Vec<&Customer> = customers
        .iter()
        .filter(|customer| wanted.is_none_or(|word| standing(customer.standing) == word))
        .collect();
    let number = |name, default| value(&params, name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let rows = found.iter().skip(number("skip", 0)).take(number("max", 20).min(500));
    Json(
        json!({ "rc": "0", "cnt": found.len().to_string(), "rows": rows.map(|row| brief(row)).collect::<Value>() }),
    )
}

/// `POST /srv/cust.get` with `{ "mnd": "01", "cust_nos": ["0001042", "1043"] }`. One unknown number alone is a failure; among
/// others it is left out.
async fn fetch(State(monolith): State<Arc<Monolith>>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return failure("E002", "BODY NOT READABLE");
    };
    if let Some(refused) = refuse(&headers, asked.get("mnd").and_then(Value::as_str)) {
        return refused;
    }
    let numbers: Vec<Option<u32>> =
        asked.get("cust_nos").and_then(Value::as_array).into_iter().flatten().map(number).collect();
    if numbers.len() > 1_000 {
        return failure("E010", "TOO MANY CUST NOS");
    }
    let customers = monolith.customers.read().unwrap_or_else(PoisonError::into_inner);
    let known = numbers.iter().flatten().filter_map(|id| customers.get(position(&customers, *id)?));
    let rows: Vec<Value> = known.map(record).collect();
    if rows.is_empty() && numbers.len() == 1 {
        return failure("E404", "CUST NOT FOUND");
    }
    Json(json!({ "rc": "0", "cnt": rows.len().to_string(), "rows": rows }))
}

/// `POST /srv/cust.upd` with `{ "mnd": "01", "cust_no": "1042", "fst_nm": "…", "lst_nm": "…" }`.
async fn update(State(monolith): State<Arc<Monolith>>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return failure("E002", "BODY NOT READABLE");
    };
    if let Some(refused) = refuse(&headers, asked.get("mnd").and_then(Value::as_str)) {
        return refused;
    }
    let text = |name| asked.get(name).and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let (first, last) = (text("fst_nm"), text("lst_nm"));
    if first.is_empty() || last.is_empty() || first.len() > 40 || last.len() > 40 {
        return failure("E011", "NAME NOT ALLOWED");
    }
    let mut customers = monolith.customers.write().unwrap_or_else(PoisonError::into_inner);
    let at = asked.get("cust_no").and_then(number).and_then(|id| position(&customers, id));
    let Some(customer) = at.and_then(|at| customers.get_mut(at)) else {
        return failure("E404", "CUST NOT FOUND");
    };
    if customer.standing != Standing::Active {
        return failure("E409", "CUST LOCKED");
    }
    customer.first_name = first.to_owned();
    customer.last_name = last.to_owned();
    Json(json!({ "rc": "0", "cnt": "1", "rows": [record(customer)] }))
}

/// `GET /srv/idx.find?mnd=01&txt=fern&max=10`: kind and number only, in the order articles, customers, orders.
async fn find(State(monolith): State<Arc<Monolith>>, headers: HeaderMap, params: Params) -> Json<Value> {
    if let Some(refused) = refuse(&headers, value(&params, "mnd")) {
        return refused;
    }
    let text = value(&params, "txt").unwrap_or_default().to_uppercase();
    if text.chars().count() < 3 {
        return failure("E012", "TXT TOO SHORT");
    }
    let most = value(&params, "max").and_then(|text| text.parse().ok()).unwrap_or(10);
    let hits = monolith.index.iter().filter(|(_, _, words)| words.contains(&text)).take(most);
    let rows: Vec<Value> = hits.map(|(kind, id, _)| json!({ "knd": kind, "no": padded(*id) })).collect();
    Json(json!({ "rc": "0", "cnt": rows.len().to_string(), "rows": rows }))
}

/// Callers name themselves in a header, and the one client (Mandant) that the shop has.
fn refuse(headers: &HeaderMap, client: Option<&str>) -> Option<Json<Value>> {
    if !headers.contains_key("x-sys-id") {
        return Some(failure("E403", "SYS ID MISSING"));
    }
    (client != Some("01")).then(|| failure("E005", "MND UNKNOWN"))
}

fn failure(code: &str, text: &str) -> Json<Value> {
    Json(json!({ "err_cd": code, "err_txt": text }))
}

fn position(customers: &[Customer], id: u32) -> Option<usize> {
    customers.binary_search_by_key(&id, |customer| customer.id).ok()
}

/// A customer number in any of the ways that callers write it.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

fn padded(id: u32) -> String {
    format!("{id:07}")
}

/// `12,90`.
fn comma(amount: Amount) -> String {
    amount.to_string().replace('.', ",")
}

/// The monolith's words: aktiv, gesperrt, inaktiv.
const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "AKT",
        Standing::Blocked => "GSP",
        Standing::Closed => "INA",
    }
}

fn brief(customer: &Customer) -> Value {
    json!({
        "cust_no": padded(customer.id),
        "fst_nm": customer.first_name,
        "lst_nm": customer.last_name,
        "stat": standing(customer.standing),
    })
}

fn record(customer: &Customer) -> Value {
    let address = &customer.address;
    json!({
        "cust_no": padded(customer.id),
        "fst_nm": customer.first_name,
        "lst_nm": customer.last_name,
        "brth_dt": customer.born.map(|date| date.dotted()).unwrap_or_default(),
        "reg_dt": customer.registered.dotted(),
        "stat": standing(customer.standing),
        "loy_cls": customer.loyalty.to_string(),
        "loy_pts": customer.points.to_string(),
        "crd_lim": comma(customer.credit),
        "ref_no": customer.referred_by.map(padded).unwrap_or_default(),
        "adr": {
            "str": address.street,
            "hs_no": address.house,
            "plz": address.postal_code,
            "ort": address.city,
            "lnd": address.country,
        },
    })
}
