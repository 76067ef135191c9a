//! `ficus dev`: serves for whoever works on the graph. Everything that helps is on, and a file that is saved is served, or what
//! is wrong with it is said and the graph from before goes on.

use std::net::SocketAddr;

use clap::Args;

use super::{
    Outcome,
    serve::{Reloads, Serving},
    shared::{Files, say, show},
    signals,
    watch::Watch,
};
use crate::{
    diagnostic::Diagnostic,
    graph::{Loaded, Paths, load_open},
};

const EXAMPLES: &str = "\
Examples:
  ficus dev
  ficus dev --listen 127.0.0.1:8080
  RUST_LOG=warn ficus dev             without a line for each request

Introspection, playground, debugger and suggestions are on, but for those that ficus.yaml turns off by themselves. The schema and the
connector files are loaded again when one of them changes; a graph with faults is shown, and the one from before is served.
(ficus.yaml is read at the start only.)

Exit status: 0 stopped, 2 the command line is wrong, 3 it could not start or run.";

/// Serve the graph while you work on it, and load its files again when they change
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Dev {
    #[command(flatten)]
    files: Files,
    /// Address and port to listen on; port 0 takes any free one [default: `listen` of ficus.yaml, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Dev {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let paths = self.files.paths();
            let mut watch = Watch::new(paths.clone());
            let Some(loaded) = first(&paths, &mut watch).await? else { return Ok(Outcome::Fine) };
            let serving = Serving { loaded, listen: self.listen, paths, reloads: Reloads::OfChanges(watch) };
            serving.run().await?;
            Ok(Outcome::Fine)
        })
    }
}

/// The first graph without faults, however long that takes. None when it is time to stop before.
async fn first(paths: &Paths, watch: &mut Watch) -> anyhow::Result<Option<Loaded>> {
    loop {
        match load_open(paths) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(diagnostics) => show(&diagnostics),
        }
        say("nothing is served yet: waiting for a change\n");
        tokio::select! {
            () = watch.changed() => {}
            stopped = tokio::signal::ctrl_c() => return stopped.map(|()| None).map_err(Into::into),
        }
    }
}

/// Says what a reload came to.
pub(super) fn report(found: &[Diagnostic], is_served: bool) {
    show(found);
    say(if is_served { "reloaded\n" } else { "not reloaded: the graph from before is served\n" });
}

/// Loads the files again at every change, as long as it is not dropped.
pub(super) async fn follow(mut watch: Watch, reload: crate::admin::Reload) {
    loop {
        watch.changed().await;
        signals::reload_now(&reload).await;
    }
}
