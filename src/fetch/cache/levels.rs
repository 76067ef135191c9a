//! What concerns both levels of the cache, that of this process and that which instances share.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Shared,
    epochs::{Epoch, Mark},
    second::{Lookup, Ticket},
    store::{Entry, Wanted},
};

impl Shared {
    /// Counts a look-up in this process.
    pub(super) fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What other instances keep for a request, which this one keeps from now on too; and under which count of purges what is
    /// fetched now may be kept for them.
    pub(super) async fn find_elsewhere(
        &self,
        wanted: &Wanted<'_>,
        begun: Epoch,
    ) -> (Option<Arc<Entry>>, Option<Ticket>) {
        let Some(second) = self.second.as_ref().filter(|second| second.takes(wanted.request)) else {
            return (None, None);
        };
        // Boxed: without a second level there need be no room for it.
        Box::pin(async {
            let key = wanted.key();
            let Lookup { found, ticket } = second.find(&[(&key, wanted.request)], begun).await;
            let found = found.into_iter().flatten().find(|entry| entry.holds(&self.epochs));
            if let Some(found) = &found {
                self.store.put(key, wanted.request, Arc::clone(found));
            }
            (found, ticket)
        })
        .await
    }

    /// Forgets the response that this request would choose, here and elsewhere.
    pub(super) fn forget(&self, wanted: &Wanted<'_>, ticket: Option<Ticket>) {
        if let (Some(second), Some(ticket)) = (&self.second, ticket) {
            second.forget(ticket, &[wanted.key()]);
        }
        self.store.forget(wanted);
    }

    /// Whatever has one of these marks is not used any more, here and elsewhere.
    pub(super) fn purge(&self, marks: &[Mark]) {
        // Elsewhere first: whoever looks there after the purge here must not find it again.
        if let Some(second) = &self.second {
            second.purge(marks);
        }
        marks.iter().for_each(|mark| self.epochs.purge(*mark));
    }
}
