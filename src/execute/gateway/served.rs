//! A graph and all that is made of it while it is served.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    config::Config,
    execute::{answers::Answers, plans::Plans, share::Flights, window::Windows},
    fetch::Upstream,
    graph::Graph,
    operation::Rules,
};

/// A graph and what is made of it: swapped as one.
pub(super) struct Served {
    pub(super) graph: Arc<Graph>,
    /// What documents may contain.
    pub(super) rules: Rules,
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
            rules: Rules {
                limits: config.limits.clone(),
                introspection: config.introspection,
                suggestions: config.suggestions,
            },
            plans: Plans::new(),
            answers: Answers::new(config.answers_bytes_max() as u64),
            flights: Flights::default(),
            since: Instant::now(),
        }
    }
}
