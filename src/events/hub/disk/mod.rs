//! Events on disk: what `events.store: <path>` is. The file holds what the shelf holds, so that all reading is done in memory; it
//! is read once, at the start. One thread writes it: it takes all deliveries that wait, writes them in one transaction with
//! their names, and when that is on the disk hands their events to the shelf and answers. So many publishers share one fsync,
//! and a duplicate is seen by the transaction of the first, or after it.

mod file;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time,
};

use self::writer::{Wanted, Writer};
use super::{
    HubError, NewEvent, OpenError, Published,
    figures::Counters,
    names::{Memory, Name},
    shelf::Shelf,
};

/// How long a delivery waits for the disk. It may be written after that: sent again, it is a duplicate then.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Deliveries that wait for the writer; more wait before they are taken.
const WAITING_MAX: usize = 256;

/// A file with events, and the thread that writes it.
#[derive(Debug)]
pub(super) struct Disk {
    /// None once it is closed.
    queue: Mutex<Option<mpsc::Sender<Wanted>>>,
    /// True once the thread has ended.
    ended: watch::Receiver<bool>,
}

impl Disk {
    /// Opens or makes the file, and puts what is in it on the shelf.
    ///
    /// # Errors
    /// When it cannot be written, another process has it open, or it is no file of events.
    pub(super) fn open(
        path: &Path,
        shelf: Arc<Shelf>,
        counters: Arc<Counters>,
        memory: Memory,
    ) -> Result<Self, OpenError> {
        let failed = |why: String| OpenError::File { path: path.display().to_string(), why };
        let writer = Writer::open(file::opener(path), shelf, counters, memory).map_err(failed)?;
        Disk::start(writer).map_err(|error| failed(error.to_string()))
    }

    fn start(mut writer: Writer) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let (end, ended) = watch::channel(false);
        let work = move || {
            writer.run(waiting);
            // The file is closed before anybody is told.
            drop(writer);
            end.send_replace(true);
        };
        thread::Builder::new().name("events".to_owned()).spawn(work)?;
        Ok(Disk { queue: Mutex::new(Some(queue)), ended })
    }

    pub(super) async fn publish(
        &self,
        names: Vec<Name>,
        events: Vec<NewEvent>,
    ) -> Result<Published, HubError> {
        let unavailable = |why: &str| HubError::Unavailable(why.to_owned());
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(|| unavailable("the gateway ends"))?;
        let (answer, answered) = oneshot::channel();
        let written = async {
            queue.send(Wanted { names, events, answer }).await.map_err(drop)?;
            answered.await.map_err(drop)
        };
        match time::timeout(ANSWER_MAX, written).await {
            Ok(Ok(published)) => published,
            Ok(Err(())) => Err(unavailable("the thread that writes them has ended")),
            Err(_) => Err(unavailable("the disk does not answer in time")),
        }
    }

    /// Writes what waits, and closes the file.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

#[cfg(test)]
mod tests;
