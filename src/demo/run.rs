//! `ficus demo`: the backends, a gateway in front of them and its admin graph, in one process. What it says to the person
//! who started it is made here and printed by `cli`.

use std::{
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, sync::watch};

use super::{
    backends::{self, Running, StartError},
    files::{SHOWCASE, sources},
    webhooks::Target,
};
use crate::{
    admin::{self, AdminError, Control},
    config::{Admin, Config},
    diagnostic::Diagnostic,
    events::{Events, Hub},
    execute::Gateway,
    fetch::{self, SetUpError},
    graph::{self, Graph, Sources},
    server,
};

/// A subscription that needs webhook and backends.
const LISTENING: &str = "\
subscription {
  orderChanged {
    id
    status
    total { amount currency }
    customer { name }
  }
}";

/// How the demo is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the gateway listens. Default `127.0.0.1:4000`.
    pub listen: Option<SocketAddr>,
    /// The admin listener. Default `127.0.0.1:4001`.
    pub admin: Admin,
    /// The backends.
    pub backends: backends::Options,
}

/// Why the demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A backend did not start.
    #[error(transparent)]
    Backends(#[from] StartError),
    /// The gateway's address cannot be had.
    #[error(
        "the demo's gateway cannot listen on {address} (another `ficus demo`?); `--listen ADDR` takes another address"
    )]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The admin graph cannot be offered.
    #[error("the demo's admin graph did not start (another `ficus demo`?)")]
    Admin(#[from] AdminError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Upstream(#[from] SetUpError),
    /// The graph's own files have faults: this binary was built from broken ones.
    #[error("the demo's graph has {} faults, the first: {}", .0.len(), .0.first().map_or("", |first| first.message.as_str()))]
    Graph(Vec<Diagnostic>),
}

/// The demo, all its ports taken, ready to serve.
pub struct Demo {
    backends: Running,
    events: Events,
    listener: TcpListener,
    admin: Admin,
    admin_listener: TcpListener,
    reload: admin::Reload,
}

impl Demo {
    /// Starts the backends and takes the ports of the gateway and of the admin graph.
    ///
    /// # Errors
    /// When a port is taken or refused.
    pub async fn start(options: Options) -> Result<Self, DemoError> {
        let config = Config { admin: Some(options.admin.clone()), ..Config::open() };
        let address = options.listen.unwrap_or(config.listen);
        let config = Config { listen: address, ..config };
        let listen = |source| DemoError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let admin_listener = admin::bind(&options.admin).await?;
        // The secret lives as long as the demo: nobody else can sign.
        let port = listener.local_addr().map_err(listen)?.port();
        let here = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
        let url = format!("http://{}/webhooks/orders/updates", SocketAddr::new(here, port));
        let target = Target::new(url).map_err(listen)?;
        let secret = target.secret();
        let backends =
            backends::start(backends::Options { webhooks: Some(target), ..options.backends }).await?;
        let mut sources = sources(&backends);
        sources.env.insert("ORDERS_WEBHOOK_SECRET".to_owned(), secret);
        let graph = load(&sources).map_err(DemoError::Graph)?;
        let upstream = fetch::upstream(&config)?;
        let gateway = Gateway::new(graph, config, upstream);
        let reload = reload(gateway.clone(), sources);
        let events = Events::new(gateway, Hub::default());
        Ok(Demo { backends, events, listener, admin: options.admin, admin_listener, reload })
    }

    /// The graph that is served.
    #[must_use]
    pub fn graph(&self) -> Arc<Graph> {
        self.events.gateway().graph()
    }

    /// What is served, for whoever wants to listen beside the clients.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What is where, and what to try.
    ///
    /// # Errors
    /// When the system does not tell which ports were taken.
    pub fn welcome(&self) -> io::Result<String> {
        let (gateway, admin) = (self.listener.local_addr()?, self.admin_listener.local_addr()?);
        let mut text = format!(
            "Ficus & Fern, a shop behind one monolith and three microservices, as one graph:\n\n  \
             explorer   http://{gateway}/\n  \
             GraphQL    http://{gateway}{}\n  \
             admin      http://{admin}/\n\nIts backends:\n\n",
            self.events.gateway().config().path
        );
        for (name, url) in self.backends.urls() {
            // Writing to a string does not fail.
            _ = writeln!(text, "  {name:<9}  {url}");
        }
        text.push_str("\nA query to try, in the explorer:\n\n");
        for line in SHOWCASE.lines() {
            _ = writeln!(text, "  {line}");
        }
        text.push_str(
            "\nAnd one that goes on: the orders service tells of each change by a signed webhook.\n\n",
        );
        for line in LISTENING.lines() {
            _ = writeln!(text, "  {line}");
        }
        text.push_str("\nCtrl-C stops everything.\n");
        Ok(text)
    }

    /// Serves until `shutdown` is ready, lets requests in flight end, and stops the backends.
    ///
    /// # Errors
    /// When a listener is broken.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let stopping = |mut stopped: watch::Receiver<bool>| async move {
            // An error means that the sender is gone: a reason to stop, too.
            drop(stopped.wait_for(|stop| *stop).await);
        };
        let control = Control::new(self.events.clone(), self.reload);
        let gateway = server::serve(self.listener, self.events, stopping(stopped.clone()));
        let admin = admin::serve(self.admin_listener, &self.admin, control, stopping(stopped));
        let signal = async {
            shutdown.await;
            stop.send_replace(true);
            Ok(())
        };
        let served = tokio::try_join!(gateway, admin, signal);
        // The gateway's last requests are answered by now: nobody needs the backends any more.
        self.backends.stop().await;
        served.map(|_| ())
    }
}

fn load(sources: &Sources) -> Result<Graph, Vec<Diagnostic>> {
    graph::load_sources(sources).map(|loaded| loaded.graph)
}

/// The files are in the binary and stay as they are; reloading still shows that nothing in flight is lost.
fn reload(gateway: Gateway, sources: Sources) -> admin::Reload {
    Arc::new(move || match graph::load_sources(&sources) {
        Ok(loaded) => {
            gateway.reload(loaded.graph);
            loaded.warnings
        }
        Err(diagnostics) => diagnostics,
    })
}
