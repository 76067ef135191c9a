//! What the memory of the process holds at most, and what goes away. What a hub does wherever events are kept is tested through its
//! public face, in `tests/it/hub/`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use bytes::Bytes;
use tokio::time;

use super::{shelf::QUIET_FOR, *};

fn hub(change: impl FnOnce(&mut config::Events)) -> Hub {
    let mut events = config::Events::default();
    change(&mut events);
    Hub::in_memory(&events)
}

fn delivery(topic: &str, name: &str, bytes: usize) -> Delivery {
    let event = NewEvent { topic: topic.into(), data: Bytes::from(vec![b'7'; bytes]) };
    Delivery { names: vec![name.as_bytes().into()], events: vec![event], ..Delivery::default() }
}

async fn publish(hub: &Hub, topic: &str, bytes: usize) -> EventId {
    let delivery = Delivery { names: Vec::new(), ..delivery(topic, "", bytes) };
    match hub.publish(delivery).await.unwrap() {
        Published::Kept(ids) => ids[0],
        Published::Duplicate => panic!("it has no name"),
    }
}

#[tokio::test(start_paused = true)]
async fn endless_topics_fill_no_more_than_they_may() {
    let hub = hub(|events| events.memory = 1 << 20);
    for number in 0..20_000 {
        publish(&hub, &format!("order/{number}"), 100).await;
        assert!(hub.figures().bytes <= 1 << 20);
    }
    let figures = hub.figures();
    assert!(figures.topics < 2_000 && figures.topics > 100, "{figures:?}");
    // The newest are there, and the oldest went.
    let mut newest = hub.listen("order/19999", Some(EventId::default())).await.unwrap();
    assert!(matches!(newest.next().await, Heard::Event(_)));
    let mut oldest = hub.listen("order/0", Some(EventId { ms: 1, number: 0 })).await.unwrap();
    assert_eq!(oldest.next().await, Heard::Gap);
}

#[tokio::test(start_paused = true)]
async fn a_topic_fills_no_more_than_it_may_and_keeps_its_newest_event() {
    let hub = hub(|events| events.keep_bytes = 10_000);
    let first = publish(&hub, "orders", 4_000).await;
    publish(&hub, "orders", 4_000).await;
    publish(&hub, "orders", 4_000).await;
    assert_eq!(hub.figures().events, 2);
    let large = publish(&hub, "orders", 50_000).await;
    assert_eq!(hub.figures().events, 1);
    let mut listener = hub.listen("orders", Some(first)).await.unwrap();
    assert_eq!(listener.next().await, Heard::Gap);
    let Heard::Event(event) = listener.next().await else { panic!("it is kept") };
    assert_eq!(event.id, large);
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_all_the_memory_is_heard_all_the_same() {
    let hub = hub(|events| events.memory = 1 << 20);
    let mut listener = hub.listen("orders", None).await.unwrap();
    let large = publish(&hub, "orders", 3 << 20).await;
    let Heard::Event(event) = listener.next().await else { panic!("it is kept") };
    assert_eq!(event.id, large);
    publish(&hub, "others", 10).await;
    assert!(hub.figures().bytes < 10_000, "it went when the next one came");
}

#[tokio::test(start_paused = true)]
async fn topics_go_away_when_their_events_and_listeners_did() {
    let hub = hub(|_| {});
    let listener = hub.listen("order/7", None).await.unwrap();
    let last = publish(&hub, "order/7", 10).await;
    publish(&hub, "order/8", 10).await;
    assert_eq!((hub.figures().topics, hub.figures().events), (2, 2));
    time::advance(Duration::from_secs(601)).await;
    let figures = hub.figures();
    assert_eq!((figures.topics, figures.events, figures.listeners), (1, 0, 1));
    drop(listener);
    let figures = hub.figures();
    assert_eq!((figures.topics, figures.events, figures.listeners), (0, 0, 0));
    assert!(figures.bytes > 0 && figures.bytes < 1_000, "two last ids: {figures:?}");
    let mut back = hub.listen("order/7", Some(last)).await.unwrap();
    let next = publish(&hub, "order/7", 10).await;
    assert!(matches!(back.next().await, Heard::Event(event) if event.id == next), "nothing was missed");
    assert!(QUIET_FOR > Duration::from_secs(3_600));
}

#[tokio::test(start_paused = true)]
async fn coming_and_going_leaves_nothing_behind() {
    let hub = hub(|_| {});
    for number in 0..100_000 {
        let listener = hub.listen(&format!("order/{}", number % 5_000), None).await.unwrap();
        assert_eq!(hub.figures().listeners, 1);
        drop(listener);
    }
    assert_eq!(hub.figures(), Figures::default());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_known_for_four_days() {
    let hub = hub(|_| {});
    let again = async || hub.publish(delivery("orders", "a", 10)).await.unwrap() == Published::Duplicate;
    assert!(!again().await);
    time::advance(Duration::from_secs(4 * 86_400 - 1)).await;
    assert!(again().await);
    time::advance(Duration::from_secs(1)).await;
    assert!(!again().await);
    assert!(again().await, "it is known from then on");
}

#[tokio::test(start_paused = true)]
async fn an_event_keeps_no_more_than_itself() {
    let hub = hub(|_| {});
    let body = Bytes::from(vec![b'7'; 1 << 20]);
    let mut listener = hub.listen("orders", None).await.unwrap();
    let event = NewEvent { topic: "orders".into(), data: body.slice(0..10) };
    hub.publish(Delivery { events: vec![event], ..Delivery::default() }).await.unwrap();
    let Heard::Event(event) = listener.next().await else { panic!("it is kept") };
    assert_eq!(&event.data[..], &body[0..10]);
    assert!(body.is_unique(), "the whole body would stay in memory");
}
