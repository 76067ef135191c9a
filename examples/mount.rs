//! A Rust service that mounts Ficus beside routes of its own, with axum and async-graphql-axum.
//!
//! ```sh
//! cargo run --example mount      # serves the graph of ./schema and ./connectors on http://127.0.0.1:8080/graphql
//! ```
//!
//! The graph's files are read as `ficus serve` reads them; `ficus.yaml` gives limits and introspection, but not what belongs
//! to Ficus's own edge: see the documentation of `ficus::execute::executor` for what a mount gives up.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to who started it")]

use std::process::ExitCode;

use async_graphql::Executor;
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    routing::{get, post},
};
use ficus::{Gateway, fetch, graph};

/// The host application: a route of its own, and the graph.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/", get("The graph is at /graphql."))
        .route("/graphql", post(graphql))
        .with_state(gateway)
}

/// One operation. The client's headers go along, for connectors that read or copy them; only POST is routed here, since
/// async-graphql-axum would also run a mutation that came by GET.
async fn graphql(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    request: GraphQLRequest,
) -> GraphQLResponse {
    Executor::execute(&gateway, request.into_inner().data(headers)).await.into()
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let loaded = graph::load(&graph::Paths::default())
        .map_err(|diagnostics| ficus::diagnostic::render(&diagnostics, false))?;
    let upstream = fetch::upstream(&loaded.config)?;
    let gateway = Gateway::new(loaded.graph, loaded.config, upstream);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/graphql", listener.local_addr()?);
    Ok(axum::serve(listener, router(gateway)).await?)
}
