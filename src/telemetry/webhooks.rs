//! What is counted of webhooks. As `meter`: plain atomic numbers, read by whoever shows them.

use std::time::Duration;

use super::{
    Closed, Counter, Latency, Seldom, Tally,
    meter::{MeterSlot, closed},
};

/// How often a line for refused deliveries is written, for each webhook and reason: whoever sends rubbish fills no log.
const LINE_EVERY: Duration = Duration::from_secs(1);

closed! {
    /// Why a delivery was refused.
    WebhookRefusal {
        /// No signature, or none that fits.
        Signature = "signature",
        /// Its timestamp is too far from now.
        Timestamp = "timestamp",
        /// Larger than `max_body`.
        TooLarge = "too_large",
        /// It did not come to its end, or not in time.
        Incomplete = "incomplete",
        /// Not JSON.
        Unreadable = "unreadable",
        /// A mapping gives nothing that can be published.
        Mapping = "mapping",
        /// Its events could not be kept.
        NotKept = "not_kept",
        /// Too many deliveries at once.
        Overloaded = "overloaded",
    }
}

/// What is counted of one webhook.
#[derive(Debug, Default)]
pub struct WebhookMeter {
    /// Deliveries whose events were published, or that purged something.
    pub accepted: Counter,
    /// Deliveries that were published before.
    pub duplicates: Counter,
    /// Deliveries for which no entry of `publish` held.
    pub ignored: Counter,
    /// Handshakes that were answered.
    pub handshakes: Counter,
    /// Events of them all.
    pub events: Counter,
    /// Deliveries that were refused.
    pub refused: Tally<WebhookRefusal>,
    /// From a whole body to the answer.
    pub taken: Latency,
    lines: [Seldom; WebhookRefusal::ALL.len()],
}

impl WebhookMeter {
    /// Counts a refused delivery; whether it is time to write a line about it.
    pub fn refuse(&self, why: WebhookRefusal) -> bool {
        self.refused.count(why);
        self.lines.get(why.index()).is_some_and(|line| line.is_due(LINE_EVERY))
    }
}

/// The meter of a webhook, which goes on counting when a reload makes the webhook anew.
pub type WebhookMeterSlot = MeterSlot<WebhookMeter>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_and_few_are_written_down() {
        let meter = WebhookMeter::default();
        let written = (0..100).filter(|_| meter.refuse(WebhookRefusal::Signature)).count();
        assert_eq!((written, meter.refused.of(WebhookRefusal::Signature)), (1, 100));
        assert!(meter.refuse(WebhookRefusal::TooLarge), "another reason has a line of its own");
        for (position, reason) in WebhookRefusal::ALL.iter().enumerate() {
            assert_eq!(reason.index(), position, "{reason:?}");
        }
    }
}
