//! The gateway's own state as a GraphQL API, on a listener of its own: what it serves, what it does, and how to reload it.
//! `graph`, `cache`, `events`, `sources` and `figures` are the API, `metrics` the same numbers for Prometheus, `guard` decides who may reach it, `listener` serves it. Clients' requests go
//! through `server`, never here.

mod cache;
mod events;
mod figures;
mod graph;
mod guard;
mod listener;
mod metrics;
mod process;
mod sources;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

pub use listener::{AdminError, bind, serve};

use crate::{diagnostic::Diagnostic, events::Events, execute::Gateway};

/// Loads the files of the graph again and serves what they say, unless they have faults. Gives all that was found,
/// warnings too; when an error is among it, the old graph goes on serving.
pub type Reload = Arc<dyn Fn() -> Vec<Diagnostic> + Send + Sync>;

/// What the admin graph shows and steers.
pub struct Control {
    events: Events,
    reload: Reload,
    started: Instant,
    started_at: SystemTime,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
}

impl Control {
    /// Uptime counts from here.
    #[must_use]
    pub fn new(events: Events, reload: Reload) -> Self {
        Control {
            events,
            reload,
            started: Instant::now(),
            started_at: SystemTime::now(),
            reloading: tokio::sync::Mutex::new(()),
        }
    }

    fn gateway(&self) -> &Gateway {
        self.events.gateway()
    }
}

#[cfg(test)]
mod tests;
