//! `ficus demo`: a shop's backends, a gateway in front of them and its admin graph, in one process.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use tokio::sync::watch;

use super::{Outcome, shared::answer, signals, telemetry::Telemetry};
use crate::{
    config::{self, LogFormat, duration},
    demo::{BackendOptions, Demo, Options},
    telemetry::PROBLEMS_TARGET,
};

const EXAMPLES: &str = "\
Examples:
  ficus demo
  ficus demo --latency 5ms            every backend takes 5 ms longer
  ficus demo --listen 127.0.0.1:0     any free port for the gateway
  ficus demo --otlp http://127.0.0.1:4318
                                      sends traces to a collector there

Exit status: 0 stopped, 2 the command line is wrong, 3 it could not start or run (a port is taken).";

/// Often enough that whoever subscribes sees something happen, and seldom enough to read it.
const ORDERS_GO_ON_EVERY: Duration = Duration::from_secs(3);

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
    /// Sends traces to a collector, as `telemetry.otlp` of ficus.yaml does
    #[arg(long, value_name = "URL", value_parser = collector)]
    otlp: Option<String>,
    /// How logs are written, as `telemetry.log` of ficus.yaml says
    #[arg(long, value_name = "FORMAT", value_parser = ["pretty", "json"], default_value = "pretty")]
    log: String,
}

impl Shop {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let log = if self.log == "json" { LogFormat::Json } else { LogFormat::Pretty };
        let telemetry = config::Telemetry { log, otlp: self.otlp, ..config::Telemetry::default() };
        let backends = BackendOptions {
            latency: self.latency,
            orders_go_on_every: Some(ORDERS_GO_ON_EVERY),
            ..BackendOptions::default()
        };
        let options = Options { listen: self.listen, backends, ..Options::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(options, &telemetry))?;
        Ok(Outcome::Fine)
    }
}

async fn serve(options: Options, telemetry: &config::Telemetry) -> anyhow::Result<()> {
    let demo = Demo::start(options).await?;
    let telemetry = Telemetry::start(telemetry, &[PROBLEMS_TARGET], &demo.graph())?;
    answer(&demo.welcome()?)?;
    let (stop, stopped) = watch::channel(false);
    let signals = signals::on_stop(stop)?;
    let served = demo.serve(signals::told(stopped)).await;
    signals.abort();
    telemetry.end().await;
    Ok(served?)
}

fn collector(text: &str) -> Result<String, String> {
    let holds = config::is_collector(text);
    if holds { Ok(text.to_owned()) } else { Err("not a URL such as http://127.0.0.1:4318".to_owned()) }
}

fn latency(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "not a duration such as 5ms or 1s".to_owned())
}
