//! Single objects: an item with its vendor, and an order that is placed.

use std::borrow::Cow;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{Upstream, write};

#[derive(Deserialize)]
struct Item<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    price: u32,
    #[serde(rename = "vendorId")]
    vendor: u32,
}

#[derive(Deserialize, Serialize)]
struct Vendor<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    city: Cow<'a, str>,
}

#[derive(Serialize)]
struct FoundItem<'a> {
    item: FullItem<'a>,
}

#[derive(Serialize)]
struct FullItem<'a> {
    id: u32,
    name: &'a str,
    price: u32,
    vendor: Option<&'a Vendor<'a>>,
}

pub(super) async fn item(upstream: &Upstream<'_>, id: u32) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, &format!("/items/{id}")).await?;
    let item: Item<'_> = serde_json::from_slice(&body)?;
    let body = upstream.rows(1, "/vendors", vec![item.vendor]).await?;
    let vendors: Vec<Vendor<'_>> = serde_json::from_slice(&body)?;
    let vendor = vendors.iter().find(|vendor| vendor.id == item.vendor);
    let item = FullItem { id: item.id, name: &item.name, price: item.price, vendor };
    write(&FoundItem { item }, 256)
}

#[derive(Serialize)]
pub(super) struct Order<'a> {
    pub(super) item: u32,
    pub(super) quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<&'a str>,
}

#[derive(Deserialize, Serialize)]
struct Placed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    total: u32,
}

#[derive(Serialize)]
struct Mutation<'a> {
    #[serde(rename = "placeOrder")]
    placed: Placed<'a>,
}

pub(super) async fn place_order(upstream: &Upstream<'_>, order: &Order<'_>) -> anyhow::Result<Vec<u8>> {
    let body =
        upstream.send(Method::POST, upstream.url(0, "/orders")?, Some(serde_json::to_vec(order)?)).await?;
    write(&Mutation { placed: serde_json::from_slice(&body)? }, 256)
}
