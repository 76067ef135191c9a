//! `ficus serve`: loads the graph, listens, and goes on until it is told to stop.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use clap::Args;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    Outcome,
    shared::{Files, answer, show},
    signals,
    telemetry::Telemetry,
};
use crate::{
    admin::{self, Control},
    config::Config,
    events::{Events, Hub},
    execute::Gateway,
    fetch,
    graph::{Graph, Paths},
    server,
};

const EXAMPLES: &str = "\
Examples:
  ficus serve
  ficus serve --listen 0.0.0.0:8080 --config production.yaml
  RUST_LOG=ficus=debug ficus serve
  kill -HUP <pid>                     loads the files again; a graph with faults is refused and the old one goes on
                                      (ficus.yaml is read at the start only)

SIGTERM and Ctrl-C end it: new connections are refused, requests in flight may go on for `drain`.

Exit status: 0 stopped, 1 the files have faults, 2 the command line is wrong, 3 it could not start or run.";

/// Serve the graph
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    #[command(flatten)]
    files: Files,
    /// Address and port to listen on; port 0 takes any free one [default: `listen` of ficus.yaml, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let paths = self.files.paths();
        let Some(loaded) = self.files.load() else { return Ok(Outcome::Faults) };
        show(&loaded.warnings);
        let listen = self.listen.unwrap_or(loaded.config.listen);
        let config = Config { listen, ..loaded.config };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let telemetry = Telemetry::start(&config.telemetry, config.debugger, &loaded.graph)?;
            let served = serve(loaded.graph, config, paths, telemetry.on_reload()).await;
            telemetry.end().await;
            served
        })?;
        Ok(Outcome::Fine)
    }
}

async fn serve(
    graph: Graph,
    config: Config,
    paths: Paths,
    on_reload: impl Fn(&Graph) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let listen = config.listen;
    let path = config.path.clone();
    let admin = match config.admin.clone() {
        Some(admin) => {
            let listener = admin::bind(&admin).await;
            Some((listener.context("set `admin.listen`, or `admin.enabled: false`")?, admin))
        }
        None => None,
    };
    let upstream = fetch::upstream(&config)?;
    let hub = Hub::open(&config)?;
    let events = Events::new(Gateway::new(graph, config, upstream), hub.clone());
    let gateway = events.gateway().clone();
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    answer(&format!("GraphQL at http://{}{path}\n", listener.local_addr()?))?;
    if let Some((listener, _)) = &admin {
        answer(&format!("Admin graph at http://{}/\n", listener.local_addr()?))?;
    }
    let reload = signals::reload(gateway.clone(), paths, on_reload);
    let (stop, stopped) = watch::channel(false);
    let tasks = [signals::on_hangup(reload.clone())?, signals::on_stop(stop)?, tokio::spawn(beat())];
    let control = Control::new(events.clone(), reload);
    let admin = async {
        let Some((listener, admin)) = admin else { return Ok(()) };
        admin::serve(listener, &admin, control, signals::told(stopped.clone())).await
    };
    let clients = server::serve(listener, events, signals::told(stopped.clone()));
    let served = tokio::try_join!(clients, admin);
    tasks.iter().for_each(JoinHandle::abort);
    hub.close().await;
    served.map(drop).context("a listener is broken")
}

/// Keeps a timer that is due soon. A timer that is set for earlier than all others wakes the runtime by a system call, and
/// without this one that would be the first of nearly every request: those of requests are due in many seconds.
async fn beat() {
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    loop {
        beat.tick().await;
    }
}
