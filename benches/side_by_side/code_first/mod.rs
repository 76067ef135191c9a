//! A contender: the same graph written code-first with async-graphql's derive macros and its DataLoader, one set of loaders a request
//! that remember what they loaded, as its documentation has it. The HTTP client is that of the endpoints written by hand.

mod deep;
mod profile;

use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    ComplexObject, Context, EmptySubscription, Error, InputObject, Object, Result, Schema, SimpleObject,
    dataloader::{DataLoader, HashMapCache, Loader},
};
use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{service, workloads::CALLER};

/// The services, as one request sees them.
#[derive(Clone)]
struct Services {
    client: reqwest::Client,
    addresses: Arc<Vec<String>>,
    caller: Option<HeaderValue>,
}

impl Services {
    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        let request = match &self.caller {
            Some(caller) => request.header(CALLER, caller.clone()),
            None => request,
        };
        let body = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&body)?)
    }

    async fn get<T: DeserializeOwned>(&self, service: usize, path: &str) -> Result<T> {
        self.send(self.client.get(self.url(service, path))).await
    }

    fn url(&self, service: usize, path: &str) -> String {
        format!("{}{path}", self.addresses.get(service).map_or("", String::as_str))
    }
}

/// Rows that a service gives by id, and how.
trait Row: DeserializeOwned + Clone + Send + Sync + 'static {
    const SERVICE: usize;
    const PATH: &'static str;
    fn id(&self) -> i32;
}

/// Says which service gives rows of a type by id, and where.
macro_rules! by_id {
    ($row:ty, $service:literal, $path:literal) => {
        impl Row for $row {
            const SERVICE: usize = $service;
            const PATH: &'static str = $path;
            fn id(&self) -> i32 {
                self.id
            }
        }
    };
}
use by_id;

/// Loads the rows of one type.
struct ById<T>(Services, std::marker::PhantomData<fn() -> T>);

impl<T: Row> Loader<i32> for ById<T> {
    type Value = T;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[i32]) -> Result<HashMap<i32, T>, Arc<Error>> {
        let query: Vec<String> = ids.iter().map(|id| format!("id={id}")).collect();
        let rows: Vec<T> =
            self.0.get(T::SERVICE, &format!("{}?{}", T::PATH, query.join("&"))).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id(), row)).collect())
    }
}

/// The row with this id, by the request's loader of its type.
async fn load<T: Row>(context: &Context<'_>, id: i32) -> Result<Option<T>> {
    let loader = context.data::<DataLoader<ById<T>, HashMapCache>>()?;
    loader.load_one(id).await.map_err(|error| Error::new(error.message.clone()))
}

fn loader<T: Row>(services: &Services) -> DataLoader<ById<T>, HashMapCache> {
    let by_id = ById(services.clone(), std::marker::PhantomData);
    DataLoader::with_cache(by_id, tokio::spawn, HashMapCache::default()).max_batch_size(100)
}

#[derive(SimpleObject, Deserialize)]
#[graphql(complex)]
struct Post {
    id: i32,
    #[serde(rename = "userId")]
    user_id: i32,
    title: String,
}

#[ComplexObject]
impl Post {
    async fn user(&self, context: &Context<'_>) -> Result<Option<User>> {
        load(context, self.user_id).await
    }
}

#[derive(SimpleObject, Deserialize, Clone)]
struct User {
    id: i32,
    name: String,
    email: String,
}

by_id!(User, 0, "/users");

#[derive(SimpleObject, Deserialize)]
#[graphql(complex)]
struct Item {
    id: i32,
    name: String,
    price: i32,
    #[serde(rename = "vendorId")]
    #[graphql(skip)]
    vendor_id: i32,
}

#[ComplexObject]
impl Item {
    async fn vendor(&self, context: &Context<'_>) -> Result<Option<Vendor>> {
        load(context, self.vendor_id).await
    }
}

#[derive(SimpleObject, Deserialize, Clone)]
struct Vendor {
    id: i32,
    name: String,
    city: String,
}

by_id!(Vendor, 1, "/vendors");

#[derive(SimpleObject, Deserialize)]
struct Product {
    id: i32,
    name: String,
    price: i32,
}

#[derive(Deserialize)]
struct Articles {
    items: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    id: i32,
    state: String,
    title: String,
    tags: Vec<String>,
    authors: Vec<Author>,
    summary: String,
    cents: i32,
    quantity: i32,
}

#[derive(Deserialize)]
struct Author {
    name: String,
    role: String,
}

#[Object]
impl Article {
    async fn id(&self) -> i32 {
        self.id
    }
    async fn title(&self) -> &str {
        self.title.trim()
    }
    async fn slug(&self) -> String {
        self.tags.join("-")
    }
    async fn lead(&self) -> Option<&str> {
        self.authors.iter().find(|author| author.role == "lead").map(|author| &*author.name)
    }
    async fn first_tag(&self) -> Option<&String> {
        self.tags.first()
    }
    async fn names(&self) -> Vec<&str> {
        self.authors.iter().map(|author| &*author.name).collect()
    }
    async fn short(&self) -> String {
        self.summary.chars().take(40).collect()
    }
    async fn words(&self) -> usize {
        self.summary.split(' ').count()
    }
    async fn label(&self) -> &str {
        if self.state == "live" { "On sale" } else { "Draft" }
    }
    async fn total(&self) -> i32 {
        self.cents * self.quantity
    }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
    async fn posts(&self, context: &Context<'_>) -> Result<Vec<Post>> {
        context.data::<Services>()?.get(0, "/posts").await
    }
    async fn orders(&self, context: &Context<'_>) -> Result<Vec<deep::Order>> {
        context.data::<Services>()?.get(0, "/orders").await
    }
    async fn profiles(&self, context: &Context<'_>) -> Result<Vec<profile::Profile>> {
        context.data::<Services>()?.get(0, "/profiles").await
    }
    async fn catalogue(&self, context: &Context<'_>) -> Result<Vec<Product>> {
        context.data::<Services>()?.get(0, "/catalogue").await
    }
    async fn rows(&self, context: &Context<'_>, count: i32) -> Result<Vec<Product>> {
        context.data::<Services>()?.get(0, &format!("/rows?count={count}")).await
    }
    async fn articles(&self, context: &Context<'_>) -> Result<Vec<Article>> {
        let Articles { mut items } = context.data::<Services>()?.get(0, "/articles").await?;
        items.retain(|article| article.state == "live");
        Ok(items)
    }
    async fn item(&self, context: &Context<'_>, id: i32) -> Result<Option<Item>> {
        context.data::<Services>()?.get(0, &format!("/items/{id}")).await
    }
}

#[derive(InputObject, Serialize)]
struct OrderInput {
    item: i32,
    quantity: i32,
    note: Option<String>,
}

#[derive(SimpleObject, Deserialize)]
struct Placed {
    id: String,
    status: String,
    total: i32,
}

struct Mutation;

#[Object]
impl Mutation {
    async fn place_order(&self, context: &Context<'_>, input: OrderInput) -> Result<Placed> {
        let services = context.data::<Services>()?;
        let body = serde_json::to_vec(&input)?;
        let request = services.client.post(services.url(0, "/orders"));
        services.send(request.header(header::CONTENT_TYPE, "application/json").body(body)).await
    }
}

struct Contender {
    schema: Schema<Query, Mutation, EmptySubscription>,
    services: Services,
}

async fn graphql(
    State(contender): State<&'static Contender>,
    headers: HeaderMap,
    request: Bytes,
) -> Response {
    let mut response = match serde_json::from_slice::<async_graphql::Request>(&request) {
        Ok(request) => {
            let services = Services { caller: headers.get(CALLER).cloned(), ..contender.services.clone() };
            let request = request
                .data(loader::<User>(&services))
                .data(loader::<Vendor>(&services))
                .data(loader::<deep::Customer>(&services))
                .data(loader::<deep::Account>(&services))
                .data(loader::<deep::Branch>(&services))
                .data(loader::<deep::Region>(&services))
                .data(services);
            let response = contender.schema.execute(request).await;
            Response::new(Body::from(serde_json::to_vec(&response).unwrap_or_default()))
        }
        Err(error) => Response::new(Body::from(error.to_string())),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Serves until the process ends.
pub fn serve(address: &str, upstreams: &[String]) -> anyhow::Result<()> {
    let addresses = Arc::new(service::urls(upstreams));
    let services = Services { client: service::client()?, addresses, caller: None };
    let schema = Schema::new(Query, Mutation, EmptySubscription);
    let contender: &'static Contender = Box::leak(Box::new(Contender { schema, services }));
    service::serve(address, Router::new().route("/graphql", post(graphql)).with_state(contender))
}
