//! The showcase: one query over all four backends, and how few requests it takes.

use std::collections::BTreeMap;

use ficus::demo::{SHOWCASE, data::Order};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn the_showcase_answers_from_all_four_backends() {
    let world = World::start().await;
    let answer = world.data(SHOWCASE, json!({ "orders": 20 })).await;
    let items: Value =
        world.shop.orders.iter().rev().take(20).map(|order| showcase_order(&world, order)).collect();
    assert_eq!(answer, json!({ "orders": { "total": 3_000, "items": items } }));
    let asked = world.running.requests();
    for backend in ["monolith", "orders", "products", "reviews"] {
        assert!(asked.keys().any(|endpoint| endpoint.starts_with(backend)), "{asked:?}");
    }
}

fn showcase_order(world: &World, order: &Order) -> Value {
    let customer = world.customer(order.customer);
    let lines: Value = order
        .lines
        .iter()
        .map(|line| json!({ "quantity": line.quantity, "product": showcase_product(world, line.product) }))
        .collect();
    json!({
        "id": order.id.to_string(),
        "placedAt": order.placed_at.to_string(),
        "status": order.status.as_str(),
        "total": { "amount": order.total().to_string(), "currency": "EUR" },
        "customer": {
            "name": customer.name(),
            "loyaltyTier": World::loyalty_tier(customer),
            "customerSince": customer.registered.to_string(),
        },
        "lines": lines,
    })
}

fn showcase_product(world: &World, id: u32) -> Value {
    let product = world.product(id);
    let category = world.shop.categories.iter().find(|category| category.id == product.category).unwrap();
    let reviews: Value = world
        .reviews_of(id)
        .take(2)
        .map(|review| {
            let author = json!({ "name": world.customer(review.customer).name() });
            json!({ "stars": review.stars, "title": review.title, "author": author })
        })
        .collect();
    json!({
        "name": product.name,
        "category": { "name": category.name },
        "rating": world.rating(id),
        "reviews": reviews,
    })
}

#[tokio::test]
async fn a_page_of_any_size_costs_the_same_seven_requests() {
    let one_each = BTreeMap::from([
        ("monolith POST /srv/cust.get".to_owned(), 2),
        ("orders GET /orders".to_owned(), 1),
        ("products GET /categories".to_owned(), 1),
        ("products GET /products".to_owned(), 1),
        ("reviews GET /reviews".to_owned(), 1),
        ("reviews POST /ratings/query".to_owned(), 1),
    ]);
    for orders in [1, 20, 200] {
        let world = World::start().await;
        let answer = world.data(SHOWCASE, json!({ "orders": orders })).await;
        assert_eq!(answer["orders"]["items"].as_array().unwrap().len(), orders);
        assert_eq!(world.running.requests(), one_each, "{orders} orders");
    }
}

#[tokio::test]
async fn the_plan_shows_seven_fetches_before_anything_is_asked() {
    let world = World::start().await;
    world.data(SHOWCASE, json!({ "orders": 1 })).await;
    let plan = world.gateway.operations().remove(0).plan;
    assert!(plan.starts_with("query: 7 fetches\n"), "{plan}");
    // The root is asked for once; all others are batches, none of them bounded below a thousand.
    assert_eq!(plan.matches("one call for all distinct").count(), 6, "{plan}");
}
