//! What the backend holds: made by rule, so that what every answer must be can be computed from it (`expected`).

use serde_json::{Map, Value, json};

const WORDS: [&str; 16] = [
    "amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour", "indigo", "juniper", "kelp",
    "lichen", "meadow", "nimbus", "obsidian", "pollen",
];

/// So many posts, and rows at each level of the deep workload.
pub const POSTS: usize = 100;
pub const DEEP_ROWS: usize = 50;
/// Vendors of the items; an item's vendor follows from its id.
pub const VENDORS: usize = 1000;
const CATALOGUE_ROWS: usize = 5000;
const PROFILES: usize = 50;
const ARTICLES: usize = 100;

/// `count` words that follow from `seed`.
pub fn words(seed: usize, count: usize) -> String {
    let word = |position| WORDS.get((seed * 7 + position * position * 3 + position) % WORDS.len());
    (0..count).filter_map(word).copied().collect::<Vec<_>>().join(" ")
}

fn rows(count: usize, row: impl Fn(usize) -> Value) -> Vec<Value> {
    (1..=count).map(row).collect()
}

/// A hundred posts in 27 kB, ten of each user.
pub fn posts() -> Vec<Value> {
    rows(POSTS, |id| {
        let body = format!("{}\n{}\n{}", words(id, 9), words(id + 1, 9), words(id + 2, 9));
        json!({"userId": (id - 1) / 10 + 1, "id": id, "title": words(id + 3, 6), "body": body})
    })
}

/// Ten users of half a kilobyte.
pub fn users() -> Vec<Value> {
    rows(10, |id| {
        let name = words(id, 2);
        json!({
            "id": id, "name": name, "username": words(id + 5, 1), "email": format!("{}@example.org", words(id, 1)),
            "address": {
                "street": words(id + 2, 3), "suite": format!("Apt. {id}56"), "city": words(id + 1, 2),
                "zipcode": format!("9{id}998-38{id}4"), "geo": {"lat": "-37.3159", "lng": "81.1496"}
            },
            "phone": format!("1-770-736-80{id} x5644{id}"), "website": format!("{}.example.org", words(id + 4, 1)),
            "company": {"name": words(id + 6, 2), "catchPhrase": words(id + 7, 10), "bs": words(id + 8, 10)}
        })
    })
}

/// A row of the next level, another for each of this one.
fn next(id: usize, step: usize) -> usize {
    id * step % DEEP_ROWS + 1
}

/// The five levels of the deep workload: the path of each, and its rows.
pub fn levels() -> [(&'static str, Vec<Value>); 5] {
    let orders = rows(DEEP_ROWS, |id| {
        json!({
            "id": id, "number": format!("O-{}", 10_000 + id), "customerId": next(id, 7), "total": id * 125,
            "currency": "EUR", "placedAt": "2026-11-20T10:15:00Z", "note": words(id, 12)
        })
    });
    let customers = rows(DEEP_ROWS, |id| {
        json!({
            "id": id, "name": words(id, 2), "email": format!("{}{id}@example.org", words(id, 1)), "accountId": next(id, 11),
            "street": words(id + 1, 3), "city": words(id + 2, 1), "phone": format!("+49 30 {}", 100_000 + id), "since": 2015
        })
    });
    let accounts = rows(DEEP_ROWS, |id| {
        json!({
            "id": id, "iban": format!("DE{:020}", id * 7919), "holder": words(id + 3, 2), "kind": "current",
            "branchId": next(id, 13), "openedAt": "2019-03-01", "balance": id * 1_000
        })
    });
    let branches = rows(DEEP_ROWS, |id| {
        json!({
            "id": id, "code": format!("B{id:04}"), "city": words(id + 4, 1), "street": words(id + 5, 3),
            "phone": format!("+49 40 {}", 200_000 + id), "regionId": next(id, 17), "open": true
        })
    });
    let regions = rows(
        DEEP_ROWS,
        |id| json!({"id": id, "name": words(id + 6, 2), "country": "DE", "timezone": "Europe/Berlin", "manager": words(id + 7, 2)}),
    );
    [
        ("orders", orders),
        ("customers", customers),
        ("accounts", accounts),
        ("branches", branches),
        ("regions", regions),
    ]
}

/// Fifty rows of sixty fields: forty texts, twelve counts, four shares, four flags.
pub fn profiles() -> Vec<Value> {
    rows(PROFILES, |id| {
        let mut row = Map::new();
        for field in 1..=40 {
            row.insert(format!("text{field:02}"), words(id + field, 2).into());
        }
        for field in 1..=12 {
            row.insert(format!("count{field:02}"), (id * 100 + field).into());
        }
        for field in 1..=4 {
            row.insert(format!("share{field:02}"), ((id * 4 + field) as f64 + 0.25).into());
            row.insert(format!("flag{field:02}"), ((id + field) % 2 == 0).into());
        }
        row.into()
    })
}

/// Five thousand rows of a kilobyte.
pub fn catalogue() -> Vec<Value> {
    rows(CATALOGUE_ROWS, |id| {
        json!({
            "id": id, "sku": format!("SKU-{id:08}"), "name": words(id, 3), "description": words(id + 1, 80),
            "price": id % 900 + 100, "currency": "EUR", "tags": [words(id, 1), words(id + 1, 1), words(id + 2, 1)],
            "stock": {"berlin": id % 7, "hamburg": id % 11, "munich": id % 13},
            "dimensions": {"width": id % 50, "height": id % 60, "depth": id % 70, "unit": "cm"},
            "supplier": {"id": id % 40, "name": words(id + 9, 2), "note": words(id + 10, 20)}
        })
    })
}

/// What the mapping with methods reads: a list in an envelope; every fourth article is a draft.
pub fn articles() -> Vec<Value> {
    rows(ARTICLES, |id| {
        json!({
            "id": id, "state": if id % 4 == 0 { "draft" } else { "live" }, "title": format!("  {} ", words(id, 3)),
            "tags": [words(id, 1), words(id + 1, 1), words(id + 2, 1)],
            "authors": [
                {"name": words(id + 3, 2), "role": "guest"},
                {"name": words(id + 4, 2), "role": "lead"}
            ],
            "summary": words(id + 5, 20), "cents": 1000 + id, "quantity": id % 5 + 1
        })
    })
}

/// One of as many items as there are numbers.
pub fn item(id: usize) -> Value {
    json!({
        "id": id, "name": words(id, 3), "price": id % 900 + 100, "vendorId": id % VENDORS + 1,
        "description": words(id + 1, 30), "createdAt": "2026-01-01T00:00:00Z"
    })
}

pub fn vendor(id: usize) -> Value {
    json!({"id": id, "name": words(id, 2), "city": words(id + 1, 1), "street": words(id + 2, 3), "rating": id % 5})
}

/// What the backend makes of an order.
pub fn placed(item: u64, quantity: u64) -> Value {
    json!({
        "id": format!("o-{item}-{quantity}"), "status": "accepted", "total": quantity * 250, "currency": "EUR",
        "placedAt": "2026-11-20T10:15:00Z", "lines": [{"item": item, "quantity": quantity, "price": 250}]
    })
}

/// A row of a list of any length.
pub fn row(id: usize) -> Value {
    json!({"id": id, "name": words(id, 2), "price": id % 900 + 100, "note": words(id + 1, 6)})
}

/// A node of a chain: each names the next.
pub fn node(id: usize) -> Value {
    json!({"id": id, "name": words(id, 2), "nextId": id + 1, "note": words(id + 1, 6)})
}
