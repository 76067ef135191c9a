//! The reviews service: what customers think of products, and what that comes to for each product.
//! Knows customers and products by their ids only.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    data::{Moment, Review},
    http::{Id, Params, Problem, body, number_within, numbers, page},
};

/// Rows in the order of their ids, which have no gaps, and which of them are whose.
#[derive(Default)]
struct Reviews {
    rows: Vec<Review>,
    of_product: HashMap<u32, Vec<usize>>,
    by_customer: HashMap<u32, Vec<usize>>,
}

impl Reviews {
    fn add(&mut self, review: Review) {
        let at = self.rows.len();
        self.of_product.entry(review.product).or_default().push(at);
        self.by_customer.entry(review.customer).or_default().push(at);
        self.rows.push(review);
    }

    /// The latest reviews of those at the given places.
    fn latest<'a>(&'a self, places: Option<&'a Vec<usize>>, most: usize) -> impl Iterator<Item = &'a Review> {
        places.into_iter().flatten().rev().take(most).filter_map(|at| self.rows.get(*at))
    }
}

type Shelf = Arc<RwLock<Reviews>>;

/// The service's routes.
pub(super) fn router(rows: Vec<Review>) -> Router {
    let mut reviews = Reviews::default();
    rows.into_iter().for_each(|review| reviews.add(review));
    Router::new()
        .route("/reviews", get(list).post(add))
        .route("/reviews/{id}", get(one))
        .route("/ratings/query", post(ratings))
        .with_state(Shelf::new(RwLock::new(reviews)))
}

/// `GET /reviews?productId=1&productId=2&perProduct=3`: the latest reviews of each product.
/// `GET /reviews?customerId=1&customerId=2&perCustomer=3`: the latest reviews by each customer.
/// `GET /reviews?limit=&offset=`: all reviews, latest first. All of them as lists.
async fn list(State(shelf): State<Shelf>, params: Params) -> Result<Json<Value>, Problem> {
    let reviews = shelf.read().unwrap_or_else(PoisonError::into_inner);
    let products = numbers(&params, "productId")?;
    if !products.is_empty() {
        let most = number_within(&params, "perProduct", 10, 100)?;
        let found = products.iter().flat_map(|product| reviews.latest(reviews.of_product.get(product), most));
        return Ok(Json(found.map(row).collect()));
    }
    let customers = numbers(&params, "customerId")?;
    if !customers.is_empty() {
        let most = number_within(&params, "perCustomer", 10, 100)?;
        let found =
            customers.iter().flat_map(|customer| reviews.latest(reviews.by_customer.get(customer), most));
        return Ok(Json(found.map(row).collect()));
    }
    let (limit, offset) = page(&params)?;
    Ok(Json(reviews.rows.iter().rev().skip(offset).take(limit).map(row).collect()))
}

/// `GET /reviews/{id}`.
async fn one(State(shelf): State<Shelf>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let reviews = shelf.read().unwrap_or_else(PoisonError::into_inner);
    let found = id.parse().ok().and_then(|id| {
        let at = reviews.rows.binary_search_by_key(&id, |review| review.id).ok()?;
        reviews.rows.get(at)
    });
    found.map(|review| Json(row(review))).ok_or_else(|| Problem::not_found("review"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewReview {
    product_id: Id,
    customer_id: Id,
    stars: u32,
    title: String,
    text: String,
}

/// `POST /reviews`: answers the new review's id and no more.
async fn add(State(shelf): State<Shelf>, bytes: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let new: NewReview = body(&bytes)?;
    let (Some(product), Some(customer)) = (new.product_id.number(), new.customer_id.number()) else {
        return Err(Problem::invalid("UNKNOWN_ID", "A review needs a product's and a customer's number."));
    };
    if !(1..=5).contains(&new.stars) {
        return Err(Problem::invalid("BAD_STARS", "A review gives 1 to 5 stars."));
    }
    let mut reviews = shelf.write().unwrap_or_else(PoisonError::into_inner);
    let id = reviews.rows.last().map_or(1, |last| last.id + 1);
    let NewReview { stars, title, text, .. } = new;
    reviews.add(Review { id, product, customer, stars, title, text, written: Moment::now().date });
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RatingsQuery {
    product_ids: Vec<Id>,
}

/// `POST /ratings/query` with `{ "productIds": […] }`: how each product is rated; products without reviews are left out.
async fn ratings(State(shelf): State<Shelf>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let query: RatingsQuery = body(&bytes)?;
    let reviews = shelf.read().unwrap_or_else(PoisonError::into_inner);
    let rated = query.product_ids.iter().filter_map(Id::number).filter_map(|product| {
        let stars: Vec<u32> =
            reviews.latest(reviews.of_product.get(&product), usize::MAX).map(|review| review.stars).collect();
        let count = u32::try_from(stars.len()).ok().filter(|count| *count > 0)?;
        // To one place, as it is shown.
        let average = (f64::from(stars.iter().sum::<u32>()) * 10.0 / f64::from(count)).round() / 10.0;
        Some(json!({ "productId": product, "average": average, "count": count }))
    });
    Ok(Json(rated.collect()))
}

fn row(review: &Review) -> Value {
    json!({
        "id": review.id,
        "productId": review.product,
        "customerId": review.customer,
        "stars": review.stars,
        "title": review.title,
        "text": review.text,
        "writtenOn": review.written.to_string(),
    })
}
