//! What `data` of each answer must be, computed from what the backend holds. Contenders are held to it as JSON values, since
//! the order of keys and blanks are theirs to choose.

use serde_json::{Map, Value, json};

use crate::data;

/// These fields of a row.
pub fn pick(row: &Value, fields: &[&str]) -> Map<String, Value> {
    let field = |name: &&str| Some(((*name).to_owned(), row.get(*name)?.clone()));
    fields.iter().filter_map(field).collect()
}

fn by_id<'a>(rows: &'a [Value], id: &Value) -> &'a Value {
    let position = id.as_u64().and_then(|id| usize::try_from(id).ok()).and_then(|id| id.checked_sub(1));
    position.and_then(|at| rows.get(at)).unwrap_or(&Value::Null)
}

pub fn posts_with_users(_: u64) -> Value {
    let users = data::users();
    let full = |post: Value| {
        let mut full = pick(&post, &["id", "userId", "title"]);
        let user = by_id(&users, post.get("userId").unwrap_or(&Value::Null));
        full.insert("user".into(), pick(user, &["id", "name", "email"]).into());
        Value::from(full)
    };
    json!({"posts": data::posts().into_iter().map(full).collect::<Vec<_>>()})
}

pub fn titles(_: u64) -> Value {
    json!({"posts": data::posts().iter().map(|post| pick(post, &["title"])).collect::<Vec<_>>()})
}

/// What is selected of each level, the key that leads to the next, and the field that holds it.
const DEEP: [(&[&str], &str, &str); 5] = [
    (&["id", "total"], "customerId", "customer"),
    (&["id", "name"], "accountId", "account"),
    (&["id", "iban"], "branchId", "branch"),
    (&["id", "city"], "regionId", "region"),
    (&["id", "name"], "", ""),
];

pub fn deep(_: u64) -> Value {
    fn below(rest: &[(&[&str], &str, &str)], levels: &[(&str, Vec<Value>)], row: &Value) -> Value {
        let Some(((fields, key, name), rest)) = rest.split_first() else { return Value::Null };
        let mut picked = pick(row, fields);
        if let ([(_, rows), further @ ..], Some(id)) = (levels, row.get(*key)) {
            let next = by_id(rows, id);
            picked.insert((*name).to_owned(), below(rest, further, next));
        }
        picked.into()
    }
    let levels = data::levels();
    let Some(((_, orders), further)) = levels.split_first() else { return Value::Null };
    json!({"orders": orders.iter().map(|order| below(&DEEP, further, order)).collect::<Vec<_>>()})
}

pub fn wide(_: u64) -> Value {
    let renamed = |(name, value): (String, Value)| {
        let number = name.strip_prefix("text").and_then(|number| number.parse::<usize>().ok());
        match number {
            Some(number) if number > 20 => (format!("alias{:02}", number - 20), value),
            _ => (name, value),
        }
    };
    let row = |row: Value| match row {
        Value::Object(fields) => Value::Object(fields.into_iter().map(renamed).collect()),
        other => other,
    };
    json!({"profiles": data::profiles().into_iter().map(row).collect::<Vec<_>>()})
}

pub fn big(_: u64) -> Value {
    let rows = data::catalogue();
    json!({"catalogue": rows.iter().map(|row| pick(row, &["id", "name", "price"])).collect::<Vec<_>>()})
}

pub fn methods(_: u64) -> Value {
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |row: &Value, name: &str| row.get(name).and_then(Value::as_u64).unwrap_or_default();
    let list = |row: &Value, name: &str| row.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let article = |row: &Value| {
        let tags: Vec<String> =
            list(row, "tags").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let authors = list(row, "authors");
        let lead = authors.iter().find(|author| text(author, "role") == "lead");
        let summary = text(row, "summary");
        json!({
            "id": row.get("id"), "title": text(row, "title").trim(), "slug": tags.join("-"),
            "lead": lead.map(|author| text(author, "name")), "firstTag": tags.first(),
            "names": authors.iter().map(|author| text(author, "name")).collect::<Vec<_>>(),
            "short": summary.chars().take(40).collect::<String>(), "words": summary.split(' ').count(),
            "label": "On sale", "total": number(row, "cents") * number(row, "quantity")
        })
    };
    let articles = data::articles();
    let live = articles.iter().filter(|row| text(row, "state") == "live");
    json!({"articles": live.map(article).collect::<Vec<_>>()})
}

pub fn mutation(_: u64) -> Value {
    json!({"placeOrder": pick(&data::placed(7, 3), &["id", "status", "total"])})
}

pub fn item(number: u64) -> Value {
    let item = data::item(usize::try_from(number).unwrap_or_default());
    let vendor = item.get("vendorId").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
    let mut full = pick(&item, &["id", "name", "price"]);
    let vendor = data::vendor(vendor.unwrap_or_default());
    full.insert("vendor".into(), pick(&vendor, &["id", "name", "city"]).into());
    json!({"item": full})
}

pub fn rows(count: usize) -> Value {
    let rows = (1..=count).map(data::row);
    json!({"rows": rows.map(|row| pick(&row, &["id", "name", "price"])).collect::<Vec<_>>()})
}
