//! The orders service: what was ordered, by whom, how far it is and how it was paid.
//! Knows customers and products by their ids only, and prices from its own copy of the price list.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    data::{Amount, Moment, Order, OrderLine, OrderStatus, Payment},
    http::{Id, Params, Problem, body, money, number_within, numbers, page, value},
    webhooks::Sender,
};

pub(super) struct Orders {
    /// In the order of their ids, which have no gaps.
    rows: RwLock<Vec<Order>>,
    prices: HashMap<u32, Amount>,
    /// Who is told of what changes; none where nobody is.
    webhooks: Option<Sender>,
}

impl Orders {
    pub(super) fn new(
        orders: Vec<Order>,
        prices: HashMap<u32, Amount>,
        webhooks: Option<Sender>,
    ) -> Arc<Self> {
        Arc::new(Orders { rows: RwLock::new(orders), prices, webhooks })
    }

    /// Tells that an order is there or goes on: what it is and how far, and no more. Who wants to know the rest asks.
    fn tell(&self, what: &str, order: &Order) {
        if let Some(webhooks) = &self.webhooks {
            let data =
                json!({ "id": order.id, "customerId": order.customer, "status": order.status.as_str() });
            webhooks.tell(what, &data);
        }
    }

    /// Lets the latest order go a step on; once it has arrived, somebody orders the same as somebody before.
    fn go_on(&self) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = rows.last_mut() else { return };
        let next = match last.status {
            OrderStatus::Placed => Some(OrderStatus::Paid),
            OrderStatus::Paid => Some(OrderStatus::Shipped),
            OrderStatus::Shipped => Some(OrderStatus::Delivered),
            OrderStatus::Delivered | OrderStatus::Cancelled => None,
        };
        if let Some(next) = next {
            last.goes_to(next);
            return self.tell("order.updated", last);
        }
        let id = last.id + 1;
        // Any step through the rows that is not a short one.
        let again = rows.get(id as usize * 7_919 % rows.len()).map(|old| (old.customer, old.lines.clone()));
        if let Some((customer, lines)) = again {
            let status = OrderStatus::Placed;
            let order = Order { id, customer, placed_at: Moment::now(), status, lines, payment: None };
            self.tell("order.placed", &order);
            rows.push(order);
        }
    }
}

impl Order {
    fn goes_to(&mut self, status: OrderStatus) {
        self.status = status;
        if status == OrderStatus::Paid {
            self.payment = Some(Payment::Transfer { reference: format!("FICUS {}", self.id) });
        }
    }
}

/// The service's routes.
pub(super) fn router(orders: Arc<Orders>) -> Router {
    Router::new()
        .route("/orders", get(list).post(place))
        .route("/orders/{id}", get(one).patch(change))
        .with_state(orders)
}

/// Something happens to an order, again and again.
pub(super) async fn go_on(orders: Arc<Orders>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        orders.go_on();
    }
}

/// `GET /orders?id=1&id=2`: these orders, unknown ids left out.
/// `GET /orders?customerId=1&customerId=2&perCustomer=5`: the latest orders of each customer, without their payments.
/// `GET /orders?status=&limit=&offset=`: a page, latest first, without payments. All of them as `{ items, total }`.
async fn list(State(orders): State<Arc<Orders>>, params: Params) -> Result<Json<Value>, Problem> {
    let rows = orders.rows.read().unwrap_or_else(PoisonError::into_inner);
    let ids = numbers(&params, "id")?;
    if !ids.is_empty() {
        let found: Vec<Value> = ids.into_iter().filter_map(|id| by_id(&rows, id)).map(row).collect();
        return Ok(Json(json!({ "total": found.len(), "items": found })));
    }
    let customers = numbers(&params, "customerId")?;
    if !customers.is_empty() {
        let most = number_within(&params, "perCustomer", 10, 100)?;
        let latest = |customer| rows.iter().rev().filter(move |order| order.customer == customer).take(most);
        let found: Vec<Value> = customers.into_iter().flat_map(latest).map(summary).collect();
        return Ok(Json(json!({ "total": found.len(), "items": found })));
    }
    let status = value(&params, "status").map(status).transpose()?;
    let (limit, offset) = page(&params)?;
    let found: Vec<&Order> =
        rows.iter().rev().filter(|order| status.is_none_or(|it| order.status == it)).collect();
    let items: Value = found.iter().skip(offset).take(limit).map(|order| summary(order)).collect();
    Ok(Json(json!({ "items": items, "total": found.len() })))
}

/// `GET /orders/{id}`.
async fn one(State(orders): State<Arc<Orders>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let rows = orders.rows.read().unwrap_or_else(PoisonError::into_inner);
    let found = id.parse().ok().and_then(|id| by_id(&rows, id));
    found.map(|order| Json(row(order))).ok_or_else(|| Problem::not_found("order"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    customer_id: Id,
    lines: Vec<NewLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLine {
    product_id: Id,
    quantity: u32,
}

/// `POST /orders`: answers the new order's id and no more, as services do that write first and tell later.
async fn place(
    State(orders): State<Arc<Orders>>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let new: NewOrder = body(&bytes)?;
    let customer = new
        .customer_id
        .number()
        .ok_or_else(|| Problem::invalid("UNKNOWN_CUSTOMER", "An order needs a customer's number."))?;
    if new.lines.is_empty() {
        return Err(Problem::invalid("EMPTY_ORDER", "An order needs at least one line."));
    }
    let lines = new.lines.iter().map(|line| order_line(&orders, line)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = orders.rows.write().unwrap_or_else(PoisonError::into_inner);
    let id = rows.last().map_or(1, |last| last.id + 1);
    let status = OrderStatus::Placed;
    let order = Order { id, customer, placed_at: Moment::now(), status, lines, payment: None };
    orders.tell("order.placed", &order);
    rows.push(order);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

fn order_line(orders: &Orders, line: &NewLine) -> Result<OrderLine, Problem> {
    let known = line.product_id.number().and_then(|product| Some((product, *orders.prices.get(&product)?)));
    let (product, price) = known.ok_or_else(|| {
        Problem::invalid("UNKNOWN_PRODUCT", "A line names a product that is not sold here.")
    })?;
    if !(1..=99).contains(&line.quantity) {
        return Err(Problem::invalid("BAD_QUANTITY", "A line's quantity is 1 to 99."));
    }
    Ok(OrderLine { product, quantity: line.quantity, price })
}

#[derive(Deserialize)]
struct Change {
    status: String,
}

/// `PATCH /orders/{id}` with `{ "status": … }`: answers the order as it is now.
async fn change(
    State(orders): State<Arc<Orders>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let next = status(&body::<Change>(&bytes)?.status)?;
    let mut rows = orders.rows.write().unwrap_or_else(PoisonError::into_inner);
    let at = id.parse().ok().and_then(|id| position(&rows, id));
    let order = at.and_then(|at| rows.get_mut(at)).ok_or_else(|| Problem::not_found("order"))?;
    if !order.status.may_become(next) {
        let message = format!("An order that is {} cannot become {}.", order.status.as_str(), next.as_str());
        return Err(Problem::conflict("ORDER_STATUS_CONFLICT", message));
    }
    order.goes_to(next);
    orders.tell("order.updated", order);
    Ok(Json(row(order)))
}

fn status(word: &str) -> Result<OrderStatus, Problem> {
    OrderStatus::parse(word).ok_or_else(|| Problem::bad_request(format!("{word} is not a status.")))
}

fn position(rows: &[Order], id: u32) -> Option<usize> {
    rows.binary_search_by_key(&id, |order| order.id).ok()
}

fn by_id(rows: &[Order], id: u32) -> Option<&Order> {
    rows.get(position(rows, id)?)
}

fn summary(order: &Order) -> Value {
    let lines: Value = order
        .lines
        .iter()
        .map(|line| {
            json!({ "productId": line.product, "quantity": line.quantity, "unitPrice": money(line.price) })
        })
        .collect();
    json!({
        "id": order.id,
        "customerId": order.customer,
        "placedAt": order.placed_at.to_string(),
        "status": order.status.as_str(),
        "total": money(order.total()),
        "lines": lines,
    })
}

fn row(order: &Order) -> Value {
    let mut row = summary(order);
    if let Some(fields) = row.as_object_mut() {
        let payment = order.payment.as_ref().map(|payment| payment_row(payment, order.total()));
        fields.insert("payment".to_owned(), payment.unwrap_or_default());
    }
    row
}

fn payment_row(payment: &Payment, total: Amount) -> Value {
    let amount = money(total);
    match payment {
        Payment::Card { brand, last_four } => {
            json!({ "method": "card", "amount": amount, "brand": brand, "lastFour": last_four })
        }
        Payment::Transfer { reference } => {
            json!({ "method": "transfer", "amount": amount, "reference": reference })
        }
        Payment::Voucher { code } => json!({ "method": "voucher", "amount": amount, "code": code }),
    }
}
