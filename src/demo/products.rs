//! The products service: articles and the tree of categories they stand in. Read only.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    data::{Category, Product},
    http::{Params, Problem, money, number_within, numbers, page, value, values},
};

/// Rows, and where they are by their ids.
struct Catalog {
    categories: Vec<Category>,
    products: Vec<Product>,
    by_id: HashMap<u32, usize>,
}

impl Catalog {
    fn product(&self, id: u32) -> Option<&Product> {
        self.products.get(*self.by_id.get(&id)?)
    }

    fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    /// Whether a category is the other one, or stands anywhere below it.
    fn within(&self, category: &str, ancestor: &str) -> bool {
        let mut at = Some(category);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.category(id).and_then(|category| category.parent.as_deref());
        }
        false
    }
}

/// The service's routes.
pub(super) fn router(categories: Vec<Category>, products: Vec<Product>) -> Router {
    let by_id = products.iter().enumerate().map(|(at, product)| (product.id, at)).collect();
    Router::new()
        .route("/products", get(list_products))
        .route("/products/{id}", get(one_product))
        .route("/categories", get(list_categories))
        .route("/categories/{id}", get(one_category))
        .with_state(Arc::new(Catalog { categories, products, by_id }))
}

/// `GET /products?id=1&id=2`: these products, as a list, unknown ids left out.
/// `GET /products?inCategory=a&inCategory=b&perCategory=4`: summaries of the first products of each category, as a list.
/// `GET /products?category=&q=&sort=&limit=&offset=`: a page of summaries, `{ items, total }`; a category counts with
/// all below it.
async fn list_products(State(catalog): State<Arc<Catalog>>, params: Params) -> Result<Json<Value>, Problem> {
    let ids = numbers(&params, "id")?;
    if !ids.is_empty() {
        return Ok(Json(ids.into_iter().filter_map(|id| catalog.product(id)).map(product_row).collect()));
    }
    if value(&params, "inCategory").is_some() {
        let most = number_within(&params, "perCategory", 10, 100)?;
        let rows = values(&params, "inCategory").flat_map(|category| {
            catalog.products.iter().filter(move |product| product.category == category).take(most)
        });
        return Ok(Json(rows.map(summary).collect()));
    }
    let text = value(&params, "q").map(str::to_lowercase);
    let category = value(&params, "category");
    let mut found: Vec<&Product> = catalog
        .products
        .iter()
        .filter(|product| category.is_none_or(|id| catalog.within(&product.category, id)))
        .filter(|product| text.as_ref().is_none_or(|text| product.name.to_lowercase().contains(text)))
        .collect();
    match value(&params, "sort") {
        None | Some("id") => {}
        Some("name") => found.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("price") => found.sort_by_key(|product| product.price),
        Some("-price") => found.sort_by_key(|product| std::cmp::Reverse(product.price)),
        Some(_) => return Err(Problem::bad_request("sort is one of id, name, price, -price.")),
    }
    let (limit, offset) = page(&params)?;
    let items: Value = found.iter().skip(offset).take(limit).map(|product| summary(product)).collect();
    Ok(Json(json!({ "items": items, "total": found.len() })))
}

/// `GET /products/{id}`.
async fn one_product(
    State(catalog): State<Arc<Catalog>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = id.parse().ok().and_then(|id| catalog.product(id));
    found.map(|product| Json(product_row(product))).ok_or_else(|| Problem::not_found("product"))
}

/// `GET /categories?id=a&id=b`, `GET /categories?parentId=a&parentId=b`, `GET /categories?level=top`, or all of them.
async fn list_categories(State(catalog): State<Arc<Catalog>>, params: Params) -> Json<Value> {
    let ids: Vec<&str> = values(&params, "id").collect();
    let parents: Vec<&str> = values(&params, "parentId").collect();
    let top = value(&params, "level") == Some("top");
    let found = catalog.categories.iter().filter(|category| {
        let parent = category.parent.as_deref();
        (ids.is_empty() || ids.contains(&category.id.as_str()))
            && (parents.is_empty() || parent.is_some_and(|parent| parents.contains(&parent)))
            && (!top || parent.is_none())
    });
    Json(found.map(category_row).collect())
}

/// `GET /categories/{id}`.
async fn one_category(
    State(catalog): State<Arc<Catalog>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    catalog
        .category(&id)
        .map(|category| Json(category_row(category)))
        .ok_or_else(|| Problem::not_found("category"))
}

fn summary(product: &Product) -> Value {
    json!({
        "id": product.id,
        "name": product.name,
        "categoryId": product.category,
        "price": money(product.price),
    })
}

fn product_row(product: &Product) -> Value {
    json!({
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "categoryId": product.category,
        "price": money(product.price),
        "stock": product.stock,
        "addedOn": product.added.to_string(),
        "relatedIds": product.related,
    })
}

fn category_row(category: &Category) -> Value {
    json!({ "id": category.id, "name": category.name, "parentId": category.parent })
}
