//! The five levels of the deep workload.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use serde::Deserialize;

use super::{Row, by_id, load};

#[derive(SimpleObject, Deserialize)]
#[graphql(complex)]
pub(super) struct Order {
    id: i32,
    total: i32,
    #[serde(rename = "customerId")]
    #[graphql(skip)]
    customer_id: i32,
}

#[ComplexObject]
impl Order {
    async fn customer(&self, context: &Context<'_>) -> Result<Option<Customer>> {
        load(context, self.customer_id).await
    }
}

#[derive(SimpleObject, Deserialize, Clone)]
#[graphql(complex)]
pub(super) struct Customer {
    id: i32,
    name: String,
    #[serde(rename = "accountId")]
    #[graphql(skip)]
    account_id: i32,
}

#[ComplexObject]
impl Customer {
    async fn account(&self, context: &Context<'_>) -> Result<Option<Account>> {
        load(context, self.account_id).await
    }
}

by_id!(Customer, 1, "/customers");

#[derive(SimpleObject, Deserialize, Clone)]
#[graphql(complex)]
pub(super) struct Account {
    id: i32,
    iban: String,
    #[serde(rename = "branchId")]
    #[graphql(skip)]
    branch_id: i32,
}

#[ComplexObject]
impl Account {
    async fn branch(&self, context: &Context<'_>) -> Result<Option<Branch>> {
        load(context, self.branch_id).await
    }
}

by_id!(Account, 2, "/accounts");

#[derive(SimpleObject, Deserialize, Clone)]
#[graphql(complex)]
pub(super) struct Branch {
    id: i32,
    city: String,
    #[serde(rename = "regionId")]
    #[graphql(skip)]
    region_id: i32,
}

#[ComplexObject]
impl Branch {
    async fn region(&self, context: &Context<'_>) -> Result<Option<Region>> {
        load(context, self.region_id).await
    }
}

by_id!(Branch, 3, "/branches");

#[derive(SimpleObject, Deserialize, Clone)]
pub(super) struct Region {
    id: i32,
    name: String,
}

by_id!(Region, 4, "/regions");
