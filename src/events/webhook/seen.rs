//! Deliveries as they come, for whoever watches: what came of each, and why it was refused. Nobody who watches costs a look.

use futures_util::{Stream, stream};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::telemetry::WebhookRefusal;

/// Deliveries that wait for a watcher; one that is slower misses the oldest.
const WAITING_MAX: usize = 256;

/// A delivery, and what came of it.
#[derive(Debug, Clone)]
pub struct SeenDelivery {
    /// The source that the webhook belongs to.
    pub source: String,
    /// The webhook.
    pub webhook: String,
    /// What came of it.
    pub outcome: DeliveryOutcome,
}

/// What came of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// So many events were published; none where it only purged.
    Accepted(usize),
    /// It was published before.
    Duplicate,
    /// No entry of `publish` held.
    Ignored,
    /// It was a question, and was answered.
    Handshake,
    /// It was not taken: what it is counted as, and why. For the log and for operators.
    Refused(WebhookRefusal, String),
}

/// Who watches.
#[derive(Debug, Clone)]
pub(in crate::events) struct Seen(broadcast::Sender<SeenDelivery>);

impl Default for Seen {
    fn default() -> Self {
        Seen(broadcast::Sender::new(WAITING_MAX))
    }
}

impl Seen {
    /// Tells whoever watches.
    pub(super) fn tell(&self, delivery: impl FnOnce() -> SeenDelivery) {
        if self.0.receiver_count() > 0 {
            // They may have gone meanwhile.
            drop(self.0.send(delivery()));
        }
    }

    /// All deliveries from now on.
    pub(in crate::events) fn watch(&self) -> impl Stream<Item = SeenDelivery> + Send + use<> {
        stream::unfold(self.0.subscribe(), |mut coming| async {
            loop {
                match coming.recv().await {
                    Ok(delivery) => return Some((delivery, coming)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
    }
}
