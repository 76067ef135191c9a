//! Starts the four backends on loopback and stops them: the monolith, and the products, orders and reviews services.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::{
    data::Shop,
    http::{Counters, observe},
    monolith, orders, products, reviews,
    webhooks::{Sender, Target},
};
use crate::fetch::SetUpError;

/// How the backends are started.
#[derive(Debug, Clone)]
pub struct Options {
    /// First of four ports in a row on 127.0.0.1, for the monolith, orders, products and reviews; 0 takes any free ones.
    /// Default 4101, which is where the demo's connector files look.
    pub first_port: u16,
    /// Added to every answer. Default none.
    pub latency: Duration,
    /// Who is told by webhooks when an order is placed or changes. Default nobody.
    pub webhooks: Option<Target>,
    /// How often something happens to an order by itself. Default never.
    pub orders_go_on_every: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Options { first_port: 4101, latency: Duration::ZERO, webhooks: None, orders_go_on_every: None }
    }
}

/// Why the backends did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error(
        "the demo's {backend} needs {address}, where something else listens already (another `ficus demo`?)"
    )]
    Taken {
        /// Whose port.
        backend: &'static str,
        /// Which port.
        address: SocketAddr,
    },
    /// The system refused the port.
    #[error("the demo's {backend} cannot listen on {address}")]
    Listen {
        /// Whose port.
        backend: &'static str,
        /// Which port.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The HTTP client for webhooks cannot be made.
    #[error(transparent)]
    Webhooks(#[from] SetUpError),
}

/// One backend that runs.
#[derive(Debug)]
struct Backend {
    name: &'static str,
    address: SocketAddr,
    counters: Counters,
    task: JoinHandle<()>,
}

/// The backends, running. Dropping it stops them without waiting for requests in flight; `stop` waits.
#[derive(Debug)]
pub struct Running {
    backends: Vec<Backend>,
    /// What goes on beside the requests.
    beside: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Base URLs by the names of the sources: `monolith`, `orders`, `products`, `reviews`.
    #[must_use]
    pub fn urls(&self) -> BTreeMap<&'static str, String> {
        self.backends.iter().map(|backend| (backend.name, format!("http://{}", backend.address))).collect()
    }

    /// How often each endpoint was asked since the start: `orders GET /orders/{id}` to a number.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let of = |backend: &Backend| {
            let name = backend.name;
            backend
                .counters
                .snapshot()
                .into_iter()
                .map(move |(endpoint, count)| (format!("{name} {endpoint}"), count))
        };
        self.backends.iter().flat_map(of).collect()
    }

    /// Takes no more requests and waits for those in flight.
    pub async fn stop(self) {
        // Nobody listens when every backend has ended already.
        self.stop.send(true).ok();
        for backend in self.backends {
            backend.task.await.ok();
        }
        drop(self.beside);
    }
}

/// Fills the shop and starts its backends.
///
/// # Errors
/// When a port is taken or refused.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let Shop { customers, categories, products, orders, reviews } = Shop::generate();
    let prices = products.iter().map(|product| (product.id, product.price)).collect();
    let mut beside = JoinSet::new();
    let webhooks = match options.webhooks {
        Some(target) => {
            let (sender, work) = Sender::start(target)?;
            beside.spawn(work);
            Some(sender)
        }
        None => None,
    };
    let monolith = monolith::router(customers, &products, &orders);
    let orders = orders::Orders::new(orders, prices, webhooks);
    if let Some(every) = options.orders_go_on_every {
        beside.spawn(orders::go_on(Arc::clone(&orders), every));
    }
    let routers = [
        ("monolith", monolith),
        ("orders", orders::router(orders)),
        ("products", products::router(categories, products)),
        ("reviews", reviews::router(reviews)),
    ];
    let (stop, stopped) = watch::channel(false);
    let mut backends = Vec::new();
    for (nth, (name, router)) in (0..).zip(routers) {
        let port = if options.first_port == 0 { 0 } else { options.first_port.saturating_add(nth) };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        backends.push(serve(name, address, router, options.latency, stopped.clone()).await?);
    }
    Ok(Running { backends, beside, stop })
}

async fn serve(
    name: &'static str,
    address: SocketAddr,
    router: Router,
    latency: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<Backend, StartError> {
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::Taken { backend: name, address },
        _ => StartError::Listen { backend: name, address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let counters = Counters::default();
    let router = observe(router, counters.clone(), latency);
    let task = tokio::spawn(async move {
        // An error means that the sender is gone: a reason to stop, too.
        let stop = async move { drop(stopped.wait_for(|stop| *stop).await) };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::error!(%error, backend = name, "a demo backend ended");
        }
    });
    Ok(Backend { name, address, counters, task })
}
