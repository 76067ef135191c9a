//! What the demo's graph shows: each feature with a query, its answer compared with the rows that the backends were
//! filled with.

use ficus::demo::data::{Customer, Order, Payment, Product, Review, Standing};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let world = World::start().await;
    let answer = world
        .data(
            r#"{
              orders(limit: 2, offset: 5, status: PAID) { total items { id status } }
              products(category: "plants", text: "FERN", orderBy: PRICE_DESCENDING, limit: 3) { total items { name price { amount } } }
              customers(status: BLOCKED, limit: 2, offset: 1) { id status }
            }"#,
            json!({}),
        )
        .await;
    let paid: Vec<&Order> =
        world.shop.orders.iter().rev().filter(|order| order.status.as_str() == "PAID").collect();
    let row = |order: &&Order| json!({ "id": order.id.to_string(), "status": "PAID" });
    assert_eq!(answer["orders"]["total"], paid.len());
    assert_eq!(answer["orders"]["items"], paid.iter().skip(5).take(2).map(row).collect::<Value>());

    let mut ferns: Vec<&Product> =
        world.shop.products.iter().filter(|product| product.name.to_lowercase().contains("fern")).collect();
    ferns.sort_by_key(|product| std::cmp::Reverse(product.price));
    let row = |product: &&Product| json!({ "name": product.name, "price": { "amount": product.price.to_string() } });
    assert_eq!(answer["products"]["total"], ferns.len());
    assert_eq!(answer["products"]["items"], ferns.iter().take(3).map(row).collect::<Value>());

    let blocked = world.shop.customers.iter().filter(|customer| customer.standing == Standing::Blocked);
    let row = |customer: &Customer| json!({ "id": customer.id.to_string(), "status": "BLOCKED" });
    assert_eq!(answer["customers"], blocked.skip(1).take(2).map(row).collect::<Value>());
}

#[tokio::test]
async fn the_monolith_comes_out_clean() {
    let world = World::start().await;
    for customer in [&world.shop.customers[30], world.without_birthday()] {
        let answer = world
            .data(
                "query ($id: ID!) { customer(id: $id) { id name firstName lastName birthDate customerSince status
                  loyaltyTier loyaltyPoints creditLimit { amount currency }
                  address { street postalCode city country } } }",
                json!({ "id": customer.id }),
            )
            .await;
        let status = match customer.standing {
            Standing::Active => "ACTIVE",
            Standing::Blocked => "BLOCKED",
            Standing::Closed => "CLOSED",
        };
        let address = &customer.address;
        let expected = json!({
            "id": customer.id.to_string(),
            "name": format!("{} {}", customer.first_name, customer.last_name),
            "firstName": customer.first_name,
            "lastName": customer.last_name,
            "birthDate": customer.born.map(|date| date.to_string()),
            "customerSince": customer.registered.to_string(),
            "status": status,
            "loyaltyTier": World::loyalty_tier(customer),
            "loyaltyPoints": customer.points,
            "creditLimit": { "amount": customer.credit.to_string(), "currency": "EUR" },
            "address": {
                "street": format!("{} {}", address.street, address.house),
                "postalCode": address.postal_code,
                "city": address.city,
                "country": address.country,
            },
        });
        assert_eq!(answer["customer"], expected);
    }
    // One request each.
    assert_eq!(world.running.requests(), [("monolith POST /srv/cust.get".to_owned(), 2)].into());
}

#[tokio::test]
async fn relations_may_be_recursive() {
    let world = World::start().await;
    let third = world
        .shop
        .customers
        .iter()
        .find(|customer| customer.referred_by.is_some_and(|by| world.customer(by).referred_by.is_some()))
        .unwrap();
    let second = world.customer(third.referred_by.unwrap());
    let first = world.customer(second.referred_by.unwrap());
    let answer = world
        .data(
            r#"query ($customer: ID!, $product: ID!) {
              customer(id: $customer) { referredBy { name referredBy { name referredBy { id } } } }
              category(id: "ficus") { parent { id parent { id name parent { id } } } }
              product(id: $product) { related { name related { id } } }
            }"#,
            json!({ "customer": third.id, "product": world.related().id }),
        )
        .await;
    let oldest = first.referred_by.map(|id| json!({ "id": id.to_string() }));
    assert_eq!(
        answer["customer"]["referredBy"],
        json!({ "name": second.name(), "referredBy": { "name": first.name(), "referredBy": oldest } })
    );
    assert_eq!(
        answer["category"]["parent"],
        json!({ "id": "indoor", "parent": { "id": "plants", "name": "Plants", "parent": null } })
    );
    let related = |id: &u32| {
        let product = world.product(*id);
        let further = product.related.iter().map(|id| json!({ "id": id.to_string() })).collect::<Value>();
        json!({ "name": product.name, "related": further })
    };
    assert_eq!(answer["product"]["related"], world.related().related.iter().map(related).collect::<Value>());
}

#[tokio::test]
async fn an_entity_is_completed_by_two_sources() {
    let world = World::start().await;
    let unrated = world.unrated();
    let answer = world
        .data(
            r#"query ($unrated: ID!) {
              rated: product(id: "105") { name stock inStock addedOn rating { average count } }
              unrated: product(id: $unrated) { name rating { average } reviews { id } }
              page: products(limit: 3) { items { id description rating { count } } }
            }"#,
            json!({ "unrated": unrated.id }),
        )
        .await;
    let product = world.product(105);
    assert_eq!(
        answer["rated"],
        json!({
            "name": product.name,
            "stock": product.stock,
            "inStock": product.stock > 0,
            "addedOn": product.added.to_string(),
            "rating": world.rating(105),
        })
    );
    assert_eq!(answer["unrated"], json!({ "name": unrated.name, "rating": null, "reviews": [] }));
    let row = |product: &Product| {
        let rating = world.rating(product.id).get("count").map(|count| json!({ "count": count }));
        json!({ "id": product.id.to_string(), "description": product.description, "rating": rating })
    };
    assert_eq!(answer["page"]["items"], world.shop.products.iter().take(3).map(row).collect::<Value>());
}

#[tokio::test]
async fn one_to_many_relations_are_batched() {
    let world = World::start().await;
    let query = "{ categories { id children { id children { id products(limit: 2) { name } } } }
                   customers(limit: 30) { orders(limit: 2) { id } reviews(limit: 1) { id product { name } } } }";
    let answer = world.data(query, json!({})).await;
    let children = |parent: &str| {
        let found =
            world.shop.categories.iter().filter(move |category| category.parent.as_deref() == Some(parent));
        found.map(|category| category.id.clone()).collect::<Vec<_>>()
    };
    let leaf = |category: String| {
        let products = world.shop.products.iter().filter(|product| product.category == category).take(2);
        json!({ "id": category, "products": products.map(|product| json!({ "name": product.name })).collect::<Value>() })
    };
    let middle = |category: String| {
        let below = children(&category).into_iter().map(leaf).collect::<Value>();
        json!({ "id": category, "children": below })
    };
    let tops: Value = world
        .shop
        .categories
        .iter()
        .filter(|category| category.parent.is_none())
        .map(|top| json!({ "id": top.id, "children": children(&top.id).into_iter().map(middle).collect::<Value>() }))
        .collect();
    assert_eq!(answer["categories"], tops);

    let row = |customer: &Customer| {
        let orders = world.shop.orders.iter().rev().filter(|order| order.customer == customer.id).take(2);
        let reviews = world.shop.reviews.iter().rev().filter(|review| review.customer == customer.id).take(1);
        let review = |review: &Review| {
            let product = json!({ "name": world.product(review.product).name });
            json!({ "id": review.id.to_string(), "product": product })
        };
        json!({
            "orders": orders.map(|order| json!({ "id": order.id.to_string() })).collect::<Value>(),
            "reviews": reviews.map(review).collect::<Value>(),
        })
    };
    assert_eq!(answer["customers"], world.shop.customers.iter().take(30).map(row).collect::<Value>());
    let asked = world.running.requests();
    assert_eq!(asked["products GET /categories"], 3, "top level, and one for each level below");
    assert_eq!(asked["orders GET /orders"], 1);
    assert_eq!(asked["reviews GET /reviews"], 1);
}

#[tokio::test]
async fn a_union_is_completed_by_the_backend_of_each_member() {
    let world = World::start().await;
    let answer = world
        .data(
            r#"{ search(text: "ros", limit: 2000) {
              __typename
              ... on Node { id }
              ... on Product { productName: name }
              ... on Customer { customerName: name }
              ... on Order { status }
            } }"#,
            json!({}),
        )
        .await;
    let has = |text: &str| text.to_lowercase().contains("ros");
    let products = world.shop.products.iter().filter(|product| has(&product.name));
    let products = products
        .map(|row| json!({ "__typename": "Product", "id": row.id.to_string(), "productName": row.name }));
    let customers = world.shop.customers.iter().filter(|customer| has(&customer.name()));
    let customers = customers
        .map(|row| json!({ "__typename": "Customer", "id": row.id.to_string(), "customerName": row.name() }));
    let orders = world.shop.orders.iter().filter(|order| has(&world.customer(order.customer).name()));
    let orders = orders
        .map(|row| json!({ "__typename": "Order", "id": row.id.to_string(), "status": row.status.as_str() }));
    let expected: Vec<Value> = products.chain(customers).chain(orders).collect();
    for kind in ["Product", "Customer", "Order"] {
        assert!(expected.iter().any(|hit| hit["__typename"] == kind), "the word finds no {kind}");
    }
    assert_eq!(answer["search"], Value::from(expected));
}

#[tokio::test]
async fn an_interface_has_the_type_that_the_row_says() {
    let world = World::start().await;
    let query = "query ($id: ID!) { order(id: $id) { payment { __typename amount { amount }
                   ... on CardPayment { brand lastFourDigits } ... on BankTransfer { reference } ... on VoucherPayment { code } } } }";
    let kinds: [fn(&Payment) -> bool; 3] = [
        |payment| matches!(payment, Payment::Card { .. }),
        |payment| matches!(payment, Payment::Transfer { .. }),
        |payment| matches!(payment, Payment::Voucher { .. }),
    ];
    for kind in kinds {
        let order = world.shop.orders.iter().find(|order| order.payment.as_ref().is_some_and(kind)).unwrap();
        let amount = json!({ "amount": order.total().to_string() });
        let expected = match order.payment.as_ref().unwrap() {
            Payment::Card { brand, last_four } => {
                json!({ "__typename": "CardPayment", "amount": amount, "brand": brand, "lastFourDigits": last_four })
            }
            Payment::Transfer { reference } => {
                json!({ "__typename": "BankTransfer", "amount": amount, "reference": reference })
            }
            Payment::Voucher { code } => {
                json!({ "__typename": "VoucherPayment", "amount": amount, "code": code })
            }
        };
        let answer = world.data(query, json!({ "id": order.id })).await;
        assert_eq!(answer["order"]["payment"], expected);
    }
    let unpaid = world.shop.orders.iter().find(|order| order.payment.is_none()).unwrap();
    let answer = world.data(query, json!({ "id": unpaid.id })).await;
    assert_eq!(answer, json!({ "order": { "payment": null } }));
}

#[tokio::test]
async fn static_data_asks_nobody() {
    let world = World::start().await;
    let answer =
        world.data("{ shop { name currencies { code symbol } shippingCountries } }", json!({})).await;
    assert_eq!(
        answer["shop"],
        json!({
            "name": "Ficus & Fern",
            "currencies": [
                { "code": "EUR", "symbol": "€" },
                { "code": "CHF", "symbol": "Fr." },
                { "code": "DKK", "symbol": "kr." },
            ],
            "shippingCountries": ["DE", "AT", "CH", "NL", "DK"],
        })
    );
    assert!(world.running.requests().is_empty());
}

#[tokio::test]
async fn everything_has_a_description() {
    let world = World::start().await;
    let answer = world
        .data(
            "{ __schema { types { name description
               fields { name description args { name description } }
               inputFields { name description }
               enumValues { name description } } } }",
            json!({}),
        )
        .await;
    let built_in = |named: &&Value| named["name"].as_str().unwrap().starts_with("__");
    let types: Vec<&Value> =
        answer["__schema"]["types"].as_array().unwrap().iter().filter(|named| !built_in(named)).collect();
    assert!(types.len() > 30, "{} types", types.len());
    let described = |element: &Value| assert!(element["description"].is_string(), "{element}");
    for named in types {
        // The roots say with each of their fields what they are for.
        if !matches!(named["name"].as_str(), Some("Query" | "Mutation" | "Subscription")) {
            described(named);
        }
        for members in ["fields", "inputFields", "enumValues"] {
            for member in named[members].as_array().into_iter().flatten() {
                described(member);
                member["args"].as_array().into_iter().flatten().for_each(described);
            }
        }
    }
}
