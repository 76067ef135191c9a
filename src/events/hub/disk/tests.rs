//! A disk that fills up, fails, or loses what was not synced: what is answered then, and what is there afterwards.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io;

use bytes::Bytes;
use proptest::prelude::*;
use redb::{Database, StorageBackend};

use super::{
    super::{
        Delivery, EventId, Heard, Hub, Store, names,
        shelf::{Bounds, Shelf},
    },
    *,
};
use crate::config;

/// A disk that knows what was synced.
#[derive(Debug, Clone, Default)]
struct Platter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// What would be there after a loss of power, and what may be.
    synced: Vec<u8>,
    since: Vec<Change>,
    syncs: usize,
    /// Nothing more fits.
    is_full: bool,
    /// After how many changes the power goes, and what is on the disk then.
    power: Option<usize>,
    lost: Option<(Vec<u8>, Vec<Change>)>,
    /// Syncs fail, with what was written there or not.
    is_broken: bool,
    /// Reading or writing comes upon what cannot be.
    is_absurd: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
            Change::Write(at, data) => {
                let at = usize::try_from(*at).unwrap();
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Platter {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.state();
        if state.is_absurd {
            drop(state);
            panic!("a page that cannot be");
        }
        if state.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.make(&mut state.bytes);
        state.since.push(change);
        state.power = state.power.map(|left| left.saturating_sub(1));
        if state.power == Some(0) && state.lost.is_none() {
            state.lost = Some((state.synced.clone(), state.since.clone()));
        }
        Ok(())
    }

    /// The disk after the loss of power: of what was not synced, anything may be there. None while there is power.
    fn after_power_loss(&self, chance: &[bool]) -> Option<Platter> {
        let (mut bytes, since) = self.state().lost.clone()?;
        for (change, is_there) in since.iter().zip(chance.iter().cycle()) {
            if *is_there {
                change.make(&mut bytes);
            }
        }
        let state = State { synced: bytes.clone(), bytes, ..State::default() };
        Some(Platter { state: Arc::new(Mutex::new(state)) })
    }

    fn opener(&self) -> file::Opener {
        let platter = self.clone();
        Box::new(move || Database::builder().create_with_backend(platter.clone()))
    }

    fn hub(&self) -> Hub {
        let events = config::Events::default();
        let (shelf, counters) = (Arc::new(Shelf::new(Bounds::new(&events))), Arc::default());
        let memory = Memory::new(&events);
        let writer = Writer::open(self.opener(), Arc::clone(&shelf), Arc::clone(&counters), memory).unwrap();
        Hub::of(Store::Disk(Disk::start(writer).unwrap()), shelf, counters)
    }
}

impl StorageBackend for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let state = self.state();
        let read = state.bytes.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(read);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.is_broken {
            return Err(io::Error::other("the disk is broken"));
        }
        state.syncs += 1;
        state.since.clear();
        state.synced = state.bytes.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}

fn delivery(number: usize) -> Delivery {
    let name = format!("delivery {number}");
    let event = NewEvent { topic: "orders".into(), data: Bytes::from(number.to_string()) };
    Delivery { names: vec![name.as_bytes().into()], events: vec![event], ..Delivery::default() }
}

/// What is kept, by number.
async fn kept(hub: &Hub) -> Vec<usize> {
    let mut listener = hub.listen("orders", Some(EventId { ms: 1, number: 0 })).await.unwrap();
    assert_eq!(listener.next().await, Heard::Gap);
    let mut kept = Vec::new();
    for _ in 0..hub.figures().events {
        let Heard::Event(event) = listener.next().await else { panic!("nothing is missing") };
        kept.push(std::str::from_utf8(&event.data).unwrap().parse().unwrap());
    }
    kept
}

#[tokio::test]
async fn a_full_disk_refuses_until_there_is_room() {
    let platter = Platter::default();
    let hub = platter.hub();
    hub.publish(delivery(1)).await.unwrap();
    platter.state().is_full = true;
    for number in 2..4 {
        assert!(hub.publish(delivery(number)).await.is_err());
    }
    assert_eq!(kept(&hub).await, [1], "who listens hears only what is kept");
    platter.state().is_full = false;
    for number in [3, 2] {
        assert!(matches!(hub.publish(delivery(number)).await.unwrap(), Published::Kept(_)));
    }
    assert_eq!(hub.publish(delivery(1)).await.unwrap(), Published::Duplicate);
    assert_eq!(kept(&hub).await, [1, 3, 2]);
    assert_eq!(hub.figures().failures, 2);
    hub.close().await;
    assert_eq!(kept(&platter.hub()).await, [1, 3, 2]);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_an_error_and_writing_goes_on_behind_it() {
    let platter = Platter::default();
    let hub = platter.hub();
    hub.publish(delivery(1)).await.unwrap();
    platter.state().is_absurd = true;
    let HubError::Unavailable(why) = hub.publish(delivery(2)).await.unwrap_err();
    assert!(why.starts_with("it is damaged"), "{why}");
    platter.state().is_absurd = false;
    assert!(matches!(hub.publish(delivery(2)).await.unwrap(), Published::Kept(_)));
    assert_eq!(hub.publish(delivery(1)).await.unwrap(), Published::Duplicate);
    assert_eq!(kept(&hub).await, [1, 2]);
}

#[tokio::test]
async fn what_turns_out_to_be_on_the_disk_after_a_failure_is_heard_once() {
    let platter = Platter::default();
    let hub = platter.hub();
    let mut listener = hub.listen("orders", None).await.unwrap();
    platter.state().is_broken = true;
    assert!(hub.publish(delivery(1)).await.is_err());
    platter.state().is_broken = false;
    // Its sender sends it again, and whether it was written does not matter.
    hub.publish(delivery(1)).await.unwrap();
    hub.publish(delivery(2)).await.unwrap();
    for number in ["1", "2"] {
        let Heard::Event(event) = listener.next().await else { panic!("nothing is missing") };
        assert_eq!(&event.data[..], number.as_bytes());
    }
    assert_eq!(kept(&hub).await, [1, 2]);
}

#[tokio::test]
async fn many_publishers_share_a_sync() {
    let platter = Platter::default();
    let hub = platter.hub();
    let writing = (0..200).map(|number| hub.publish(delivery(number)));
    let published = futures_util::future::join_all(writing).await;
    assert!(published.iter().all(|published| matches!(published, Ok(Published::Kept(_)))));
    assert_eq!(kept(&hub).await.len(), 200);
    let syncs = platter.state().syncs;
    assert!(syncs < 100, "{syncs} syncs for 200 deliveries");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_outlives_a_loss_of_power(
        power in 1..120_usize,
        chance in prop::collection::vec(any::<bool>(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let platter = Platter::default();
            let hub = platter.hub();
            platter.state().power = Some(power);
            let mut answered = 0;
            let after = loop {
                hub.publish(delivery(answered)).await.unwrap();
                if let Some(after) = platter.after_power_loss(&chance) {
                    break after;
                }
                answered += 1;
            };
            let hub = after.hub();
            let kept = kept(&hub).await;
            // The last one was on its way: it is there as a whole, or not at all.
            assert!(kept.len() == answered || kept.len() == answered + 1, "{kept:?} of {answered}");
            assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>());
            for number in 0..=answered {
                let is_known = hub.publish(delivery(number)).await.unwrap() == Published::Duplicate;
                assert_eq!(is_known, number < kept.len());
            }
        });
    }
}

#[test]
fn a_name_is_the_same_digest_each_time_and_another_for_another_name() {
    let of = |number| names::names(&delivery(number));
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}
