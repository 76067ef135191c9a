//! `ficus demo`: a shop's backends, a gateway in front of them and its admin graph, in one process.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use tokio::sync::watch;

use super::{Outcome, logs, shared::answer, signals};
use crate::{
    config::{LogFormat, duration},
    demo::{BackendOptions, Demo, Options},
};

const EXAMPLES: &str = "\
Examples:
  ficus demo
  ficus demo --latency 5ms            every backend takes 5 ms longer
  ficus demo --listen 127.0.0.1:0     any free port for the gateway

Exit status: 0 stopped, 2 the command line is wrong, 3 it could not start or run (a port is taken).";

/// Serve a shop behind one monolith and three microservices, to try Ficus
#[derive(Debug, Args)]
#[command(name = "demo", after_help = EXAMPLES)]
pub(super) struct Shop {
    /// Address and port of the gateway [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Added to every answer of the backends, such as 5ms
    #[arg(long, value_name = "TIME", value_parser = latency, default_value = "0")]
    latency: Duration,
}

impl Shop {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        logs::start(LogFormat::Pretty, true);
        let backends = BackendOptions { latency: self.latency, ..BackendOptions::default() };
        let options = Options { listen: self.listen, backends, ..Options::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(options))?;
        Ok(Outcome::Fine)
    }
}

async fn serve(options: Options) -> anyhow::Result<()> {
    let demo = Demo::start(options).await?;
    answer(&demo.welcome()?)?;
    let (stop, stopped) = watch::channel(false);
    let signals = signals::on_stop(stop)?;
    let served = demo.serve(signals::told(stopped)).await;
    signals.abort();
    Ok(served?)
}

fn latency(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "not a duration such as 5ms or 1s".to_owned())
}
