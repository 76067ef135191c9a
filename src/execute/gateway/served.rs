//! A graph and all that is made of it while it is served.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    config::Config,
    execute::{answers::Answers, plans::Plans, share::Flights, window::Windows},
    fetch::Upstream,
    graph::Graph,
};

/// A graph and what is made of it: swapped as one.
pub(super) struct Served {
    pub(super) graph: Arc<Graph>,
    pub(super) plans: Plans,
    pub(super) answers: Answers,
    pub(super) flights: Flights,
    pub(super) windows: Windows,
    pub(super) since: Instant,
}

impl Served {
    pub(super) fn new(graph: Graph, config: &Config, upstream: &Arc<dyn Upstream>) -> Self {
        let graph = Arc::new(graph);
        Served {
            windows: Windows::new(&graph, upstream),
            graph,
            plans: Plans::new(),
            answers: Answers::new(config.answers_bytes_max() as u64),
            flights: Flights::default(),
            since: Instant::now(),
        }
    }
}
