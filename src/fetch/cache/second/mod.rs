//! The cache's second level: responses kept in Redis or Valkey, where all instances of the gateway find them, and purges
//! that reach them all. It only ever helps: a server that is slow or away costs each fetch at most the `timeout`, and
//! nothing while the connection is known to be broken. Not for when a response may be kept or used: `policy`.
//!
//! Purges are counted in Redis as `epochs` counts them here. Each look-up brings the count of that moment along; what is
//! fetched afterwards is stored under it, and neither stored nor found once one of its marks was purged later. Both are
//! decided by scripts in Redis, so no order of instances, fetches and purges leaves an old response behind.

mod codec;
mod link;
mod scripts;

use std::sync::Arc;

use bytes::Bytes;

use self::link::{Link, Read, Ready};
use super::{
    epochs::{Epoch, Epochs, Mark},
    store::{Entry, Key, Marks},
};
use crate::{
    config::Redis,
    fetch::{SetUpError, SharedState, UpstreamRequest},
};

/// Writes under way at once; a response that comes when there are more stays in this process.
const WRITES_MAX: usize = 256;

/// Responses in Redis.
#[derive(Debug)]
pub(super) struct SecondLevel {
    link: Arc<Link>,
    task: tokio::task::AbortHandle,
    writes: Arc<tokio::sync::Semaphore>,
    keeps_private: bool,
}

/// What a look-up found, and under which count of purges a response may be stored that is fetched now.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// In the order of what was looked up; empty where nobody could be asked.
    pub(super) found: Vec<Option<Arc<Entry>>>,
    pub(super) ticket: Option<Ticket>,
}

/// A moment in Redis' count of purges. It is worth nothing once the connection broke: another server may answer then.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    ready: Arc<Ready>,
    begun: String,
}

impl SecondLevel {
    /// Connects in a task of its own, and connects again whenever that ends.
    ///
    /// # Errors
    /// When the URL or a certificate cannot be read, or outside of a tokio runtime.
    pub(super) fn open(redis: &Redis, epochs: Arc<Epochs>) -> Result<Self, SetUpError> {
        let (link, task) = Link::open(redis, epochs)?;
        let writes = Arc::new(tokio::sync::Semaphore::new(WRITES_MAX));
        Ok(SecondLevel { link, task, writes, keeps_private: redis.private })
    }

    /// Whether the answer to this request may leave the process.
    pub(super) fn takes(&self, request: &UpstreamRequest) -> bool {
        self.takes_of_client(request.is_of_client)
    }

    /// Whether an answer may leave the process that is one client's, or is not.
    pub(super) fn takes_of_client(&self, is_of_client: bool) -> bool {
        self.keeps_private || !is_of_client
    }

    /// Whether the server answers.
    pub(super) fn is_connected(&self) -> bool {
        self.link.ready().is_some()
    }

    /// Since when it does or does not, and how often it failed.
    pub(super) fn state(&self) -> SharedState {
        self.link.state()
    }

    /// Waits until it does.
    pub(super) async fn connected(&self) {
        self.link.connected().await;
    }

    /// The responses that other instances keep for these requests, in their order. `begun` is when the look-up began.
    pub(super) async fn find(&self, asked: &[(&Key, &UpstreamRequest)], begun: Epoch) -> Lookup {
        let Some(ready) = self.link.ready() else { return Lookup::default() };
        // What this process purged may be on its way to Redis still. What it purges from now on ends the entry by `begun`.
        let purging = self.link.purging();
        let read = ready.read(asked.iter().map(|(key, _)| *key));
        let Some(Read { now, entries }) = self.link.ask(&ready, read).await else { return Lookup::default() };
        let entry = |((marks, bytes), (_, request)): ((Marks, Bytes), &(&Key, &UpstreamRequest))| {
            let is_purged = marks.iter().any(|mark| purging.contains(mark));
            let entry = || codec::decode(bytes, ready.secret(), request, begun, marks.clone());
            (!is_purged).then(entry)?.map(Arc::new)
        };
        let found = entries.into_iter().zip(asked).map(|(found, asked)| entry((found?, asked))).collect();
        Lookup { found, ticket: Some(Ticket { ready: Arc::clone(&ready), begun: now }) }
    }

    /// Keeps what came of one fetch in the background, in one round trip.
    pub(super) fn put(&self, ticket: Ticket, entries: &[(&Key, &Entry)]) {
        let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else { return };
        let Ticket { ready, begun } = ticket;
        let write = ready.write(&begun, entries);
        let link = Arc::clone(&self.link);
        tokio::spawn(async move {
            link.ask::<redis::Value>(&ready, write).await;
            drop(permit);
        });
    }

    /// Forgets in the background what is kept for these requests.
    pub(super) fn forget<'k>(&self, ticket: Ticket, keys: impl IntoIterator<Item = &'k Key>) {
        let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else { return };
        let (link, forget) = (Arc::clone(&self.link), ticket.ready.forget(keys));
        tokio::spawn(async move {
            link.ask::<redis::Value>(&ticket.ready, forget).await;
            drop(permit);
        });
    }

    /// Whatever has one of these marks is not used any more, by any instance. It must be called before the marks are purged in
    /// this process, so that nobody here finds again in Redis what was purged.
    pub(super) fn purge(&self, marks: &[Mark]) {
        self.link.purge(marks);
    }

    /// Waits until Redis has taken the purges, or is known not to answer: they are sent again when it does. Whether it has.
    pub(super) async fn purged(&self) -> bool {
        self.link.purged().await
    }
}

impl Drop for SecondLevel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
