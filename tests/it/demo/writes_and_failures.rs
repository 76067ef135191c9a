//! What the demo's mutations change, and how its backends' failures reach a client.

use ficus::demo::data::{Amount, Standing};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn an_error_body_at_200_is_an_error_in_plain_words() {
    let world = World::start().await;
    let answer = world.ask(r#"{ customer(id: "7") { id name } shop { name } }"#, json!({})).await;
    assert_eq!(answer["data"], json!({ "customer": null, "shop": { "name": "Ficus & Fern" } }));
    let error = &answer["errors"][0];
    assert_eq!(error["message"], "There is no such customer.");
    assert_eq!(error["path"], json!(["customer"]));
    assert_eq!(error["extensions"]["code"], "CUSTOMER_NOT_FOUND");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_404_is_null_without_an_error() {
    let world = World::start().await;
    let answer = world
        .data(r#"{ product(id: "7") { id } order(id: "7") { id } review(id: "7") { id } }"#, json!({}))
        .await;
    assert_eq!(answer, json!({ "product": null, "order": null, "review": null }));
}

#[tokio::test]
async fn a_backend_that_is_down_costs_its_own_fields_only() {
    let world = World::start_without("reviews").await;
    let answer =
        world.ask(r#"{ product(id: "105") { name rating { count } reviews { id } } }"#, json!({})).await;
    let name = &world.product(105).name;
    assert_eq!(answer["data"], json!({ "product": { "name": name, "rating": null, "reviews": null } }));
    let mut paths: Vec<&Value> =
        answer["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
    paths.sort_by_key(|path| path.to_string());
    assert_eq!(paths, [&json!(["product", "rating"]), &json!(["product", "reviews"])]);
}

#[tokio::test]
async fn mutations_run_in_order_and_complete_what_they_answer() {
    let world = World::start().await;
    let product = world.product(120);
    let customer = world.shop.customers.iter().find(|row| row.standing == Standing::Active).unwrap();
    let answer = world
        .data(
            r#"mutation ($order: PlaceOrderInput!, $customer: ID!, $review: AddReviewInput!) {
              placeOrder(input: $order) { id status total { amount } customer { name } lines { quantity product { name } } }
              paid: changeOrderStatus(id: "23001", status: PAID) { status payment { ... on BankTransfer { reference } } }
              shipped: changeOrderStatus(id: "23001", status: SHIPPED) { status }
              renameCustomer(id: $customer, firstName: "Ines", lastName: "Adler") { name loyaltyPoints }
              addReview(input: $review) { id stars title author { name } product { name } }
            }"#,
            json!({
                "order": { "customerId": customer.id, "lines": [{ "productId": product.id, "quantity": 3 }, { "productId": product.id }] },
                "customer": customer.id,
                "review": { "productId": product.id, "customerId": customer.id, "stars": 5, "title": "Lovely" },
            }),
        )
        .await;
    let total = Amount(product.price.0 * 4).to_string();
    let line = |quantity| json!({ "quantity": quantity, "product": { "name": product.name } });
    assert_eq!(
        answer["placeOrder"],
        json!({
            "id": "23001",
            "status": "PLACED",
            "total": { "amount": total },
            "customer": { "name": customer.name() },
            "lines": [line(3), line(1)],
        })
    );
    assert_eq!(answer["paid"], json!({ "status": "PAID", "payment": { "reference": "FICUS 23001" } }));
    assert_eq!(answer["shipped"], json!({ "status": "SHIPPED" }));
    assert_eq!(answer["renameCustomer"], json!({ "name": "Ines Adler", "loyaltyPoints": customer.points }));
    assert_eq!(
        answer["addReview"],
        json!({
            "id": "54001",
            "stars": 5,
            "title": "Lovely",
            "author": { "name": "Ines Adler" },
            "product": { "name": product.name },
        })
    );
}

#[tokio::test]
async fn a_refused_mutation_says_why() {
    let world = World::start().await;
    let delivered = world.shop.orders.iter().find(|order| order.status.as_str() == "DELIVERED").unwrap();
    let locked = world.shop.customers.iter().find(|row| row.standing != Standing::Active).unwrap();
    let answer = world
        .ask(
            r#"mutation ($order: ID!, $customer: ID!) {
              changeOrderStatus(id: $order, status: PAID) { id }
              renameCustomer(id: $customer, firstName: "Ines", lastName: "Adler") { id }
              placeOrder(input: { customerId: 1001, lines: [] }) { id }
            }"#,
            json!({ "order": delivered.id, "customer": locked.id }),
        )
        .await;
    assert_eq!(
        answer["data"],
        json!({ "changeOrderStatus": null, "renameCustomer": null, "placeOrder": null })
    );
    let told = |error: &Value| (error["message"].clone(), error["extensions"]["code"].clone());
    let errors: Vec<_> = answer["errors"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        errors,
        [
            (json!("An order that is DELIVERED cannot become PAID."), json!("ORDER_STATUS_CONFLICT")),
            (json!("The customer's account is blocked or closed."), json!("CUSTOMER_LOCKED")),
            (json!("An order needs at least one line."), json!("EMPTY_ORDER")),
        ]
    );
}
