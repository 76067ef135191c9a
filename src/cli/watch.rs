//! Says when the files of a graph are others than they were. It looks a few times a second, which works on every file system,
//! over networks and into containers too, and costs nothing beside what a developer does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::time::{self, MissedTickBehavior};

use crate::graph::{Paths, graph_files};

/// Between two looks: shorter than anybody needs to go from the editor to the browser.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The files of a graph, as they were when somebody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look(BTreeMap<PathBuf, Option<(u64, SystemTime)>>);

impl Look {
    fn at(paths: &Paths) -> Self {
        let stamp = |path: &Path| {
            let found = path.metadata().ok()?;
            Some((found.len(), found.modified().ok()?))
        };
        Look(graph_files(paths).into_iter().map(|path| (path.clone(), stamp(&path))).collect())
    }
}

/// Watches the files of a graph.
pub(super) struct Watch {
    paths: Paths,
    /// As they were when they were loaded last.
    loaded: Look,
    clock: time::Interval,
}

impl Watch {
    /// From now on. It needs a tokio runtime.
    pub(super) fn new(paths: Paths) -> Self {
        let mut clock = time::interval(LOOK_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watch { loaded: Look::at(&paths), paths, clock }
    }

    /// Ready when a file came, went or changed. A file that is being written is waited for: two looks must see the same.
    pub(super) async fn changed(&mut self) {
        let mut before = self.loaded.clone();
        loop {
            self.clock.tick().await;
            let paths = self.paths.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Look::at(&paths)).await else { continue };
            if now != self.loaded && now == before {
                self.loaded = now;
                return;
            }
            before = now;
        }
    }
}
