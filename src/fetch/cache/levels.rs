//! What concerns both levels of the cache, that of this process and that which instances share.

use super::{
    Shared,
    epochs::{Epoch, Mark},
    second::{Lookup, Ticket},
    store::Key,
};
use crate::fetch::UpstreamRequest;

impl Shared {
    /// What another instance keeps for a request.
    pub(super) async fn find_elsewhere(&self, key: &Key, request: &UpstreamRequest, begun: Epoch) -> Lookup {
        match self.second.as_ref().filter(|second| second.takes(request)) {
            Some(second) => {
                let lookup = second.find(key, request, begun).await;
                Lookup { found: lookup.found.filter(|entry| entry.holds(&self.epochs)), ..lookup }
            }
            None => Lookup::default(),
        }
    }

    /// Forgets the response that this request would choose, here and elsewhere.
    pub(super) fn forget(&self, key: Key, request: &UpstreamRequest, ticket: Option<Ticket>) {
        if let (Some(second), Some(ticket)) = (&self.second, ticket) {
            second.forget(ticket, &key);
        }
        self.store.forget(key, request);
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
