//! Orders, their customers, and the accounts, branches and regions of those: five services, one request each, one after another,
//! since each needs the ids that the one before it gave.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{ById, List, Upstream, write};

#[derive(Deserialize)]
struct Order {
    id: u32,
    total: u32,
    #[serde(rename = "customerId")]
    customer: u32,
}

#[derive(Deserialize)]
struct Customer<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "accountId")]
    account: u32,
}

#[derive(Deserialize)]
struct Account<'a> {
    id: u32,
    #[serde(borrow)]
    iban: Cow<'a, str>,
    #[serde(rename = "branchId")]
    branch: u32,
}

#[derive(Deserialize)]
struct Branch<'a> {
    id: u32,
    #[serde(borrow)]
    city: Cow<'a, str>,
    #[serde(rename = "regionId")]
    region: u32,
}

#[derive(Deserialize, Serialize)]
struct Region<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Orders<T> {
    orders: T,
}

#[derive(Serialize)]
struct FullOrder<'a> {
    id: u32,
    total: u32,
    customer: Option<FullCustomer<'a>>,
}

#[derive(Serialize)]
struct FullCustomer<'a> {
    id: u32,
    name: &'a str,
    account: Option<FullAccount<'a>>,
}

#[derive(Serialize)]
struct FullAccount<'a> {
    id: u32,
    iban: &'a str,
    branch: Option<FullBranch<'a>>,
}

#[derive(Serialize)]
struct FullBranch<'a> {
    id: u32,
    city: &'a str,
    region: Option<&'a Region<'a>>,
}

pub(super) async fn answer(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/orders").await?;
    let orders: Vec<Order> = serde_json::from_slice(&body)?;

    let body = upstream.rows(1, "/customers", orders.iter().map(|order| order.customer).collect()).await?;
    let customers = ById::<Customer<'_>>::read(&body, |row| row.id)?;

    let ids = customers.rows.iter().map(|customer| customer.account).collect();
    let body = upstream.rows(2, "/accounts", ids).await?;
    let accounts = ById::<Account<'_>>::read(&body, |row| row.id)?;

    let ids = accounts.rows.iter().map(|account| account.branch).collect();
    let body = upstream.rows(3, "/branches", ids).await?;
    let branches = ById::<Branch<'_>>::read(&body, |row| row.id)?;

    let ids = branches.rows.iter().map(|branch| branch.region).collect();
    let body = upstream.rows(4, "/regions", ids).await?;
    let regions = ById::<Region<'_>>::read(&body, |row| row.id)?;

    let orders = List::of(orders.iter().map(|order| FullOrder {
        id: order.id,
        total: order.total,
        customer: customers.get(order.customer).map(|customer| FullCustomer {
            id: customer.id,
            name: &customer.name,
            account: accounts.get(customer.account).map(|account| FullAccount {
                id: account.id,
                iban: &account.iban,
                branch: branches.get(account.branch).map(|branch| FullBranch {
                    id: branch.id,
                    city: &branch.city,
                    region: regions.get(branch.region),
                }),
            }),
        }),
    }));
    write(&Orders { orders }, 12 << 10)
}
