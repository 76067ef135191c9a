//! What a hub does, wherever events are kept.

use std::{sync::Arc, time::Duration};

use ficus::events::{Delivery, EventId, Heard, Published};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::bench::{
    Bench, deliver, event, events, hear, hear_many, listen, named, nameless, publish, subscribe, told, until,
    within,
};

pub(super) async fn who_listens_hears_what_is_published_from_then_on_and_in_order(bench: Bench) {
    let hub = bench.hub();
    publish(&hub, "order/7", 1).await;
    publish(&hub, "order/8", "of another topic").await;
    let mut listener = listen(&hub, "order/7", None).await;
    let second = publish(&hub, "order/7", 2).await;
    publish(&hub, "order/8", "of another topic").await;
    let third = publish(&hub, "order/7", 3).await;
    assert!(second < third);
    for (id, data) in [(second, "2"), (third, "3")] {
        let Heard::Event(event) = within(listener.next()).await else { panic!("nothing is missing") };
        assert_eq!((event.id, &event.data[..], &*event.topic), (id, data.as_bytes(), "order/7"));
    }
}

pub(super) async fn who_comes_back_hears_what_it_missed(bench: Bench) {
    let hub = bench.hub();
    let mut ids = Vec::new();
    for number in 0..150 {
        ids.push(publish(&hub, "order/7", number).await);
    }
    for place in [0, 1, 140, 149] {
        let mut listener = listen(&hub, "order/7", Some(ids[place])).await;
        let missed: Vec<String> = (place + 1..150).map(|number| number.to_string()).collect();
        assert_eq!(hear_many(&mut listener, missed.len()).await, missed);
    }
    let mut listener = listen(&hub, "order/7", Some(ids[149])).await;
    publish(&hub, "order/7", "new").await;
    assert_eq!(hear(&mut listener).await, "new");
}

pub(super) async fn who_comes_back_too_late_is_told_so(bench: Bench) {
    let bench = bench.keeping(|events| events.keep = 3);
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    for number in 2..=5 {
        publish(&hub, "order/7", number).await;
    }
    let mut listener = listen(&hub, "order/7", Some(first)).await;
    assert_eq!(hear_many(&mut listener, 4).await, ["gap", "3", "4", "5"]);
    publish(&hub, "order/7", 6).await;
    assert_eq!(hear(&mut listener).await, "6");
}

pub(super) async fn an_id_that_was_never_given_is_a_gap_and_then_all_that_is_kept(bench: Bench) {
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    let second = publish(&hub, "order/7", 2).await;
    let of_another_life = EventId { ms: 1, number: 0 };
    let between = EventId { ms: first.ms, number: first.number + 1_000_000 };
    let in_the_future = EventId { ms: second.ms + 1_000_000, number: 0 };
    for id in [of_another_life, between, in_the_future] {
        let mut listener = listen(&hub, "order/7", Some(id)).await;
        assert_eq!(hear_many(&mut listener, 3).await, ["gap", "1", "2"], "{id}");
    }
    let mut listener = listen(&hub, "order/8", Some(second)).await;
    assert_eq!(hear(&mut listener).await, "gap", "it was given in another topic");
    publish(&hub, "order/8", 3).await;
    assert_eq!(hear(&mut listener).await, "3");
}

/// The same as a client reads it.
pub(super) async fn a_client_that_comes_back_is_told_what_it_missed_or_that_it_is_gone(bench: Bench) {
    let bench = bench.keeping(|events| events.keep = 2);
    let events = events(bench.hub());
    let mut first = subscribe(&events, None).await;
    let answer =
        |number: usize| format!(r#"{{"data":{{"changed":{number}}},"extensions":{{"eventId":"…"}}}}"#);
    let mut ids = Vec::new();
    for number in 1..=3 {
        assert_eq!(deliver(&events, number).await, 200);
        let (told, id) = told(&mut first).await;
        assert_eq!(told, answer(number));
        ids.push(id.unwrap());
    }
    drop(first);
    let mut soon = subscribe(&events, Some(&ids[0])).await;
    assert_eq!([told(&mut soon).await.0, told(&mut soon).await.0], [answer(2), answer(3)]);
    assert_eq!(deliver(&events, 4).await, 200);
    assert_eq!(told(&mut soon).await.0, answer(4));
    let mut late = subscribe(&events, Some(&ids[0])).await;
    assert_eq!(told(&mut late).await, (r#"{"data":null,"extensions":{"gap":true}}"#.to_owned(), None));
    assert_eq!([told(&mut late).await.0, told(&mut late).await.0], [answer(3), answer(4)]);
}

pub(super) async fn a_slow_listener_is_told_what_it_missed_and_holds_nobody_back(bench: Bench) {
    let bench = bench.keeping(|events| events.keep = 3);
    let hub = bench.hub();
    let mut slow = listen(&hub, "order/7", None).await;
    let mut quick = listen(&hub, "order/7", None).await;
    for number in 1..=10 {
        publish(&hub, "order/7", number).await;
        assert_eq!(hear(&mut quick).await, number.to_string());
    }
    assert_eq!(hear_many(&mut slow, 4).await, ["gap", "8", "9", "10"]);
    assert_eq!(hub.figures().gaps, 1);
}

pub(super) async fn a_delivery_is_known_by_any_of_its_names(bench: Bench) {
    let hub = bench.hub();
    let mut listener = listen(&hub, "order/7", None).await;
    let publish = async |names: &[&str], data: &str| match within(hub.publish(named(names, "order/7", data)))
        .await
        .unwrap()
    {
        Published::Kept(ids) => ids.len(),
        Published::Duplicate => 0,
    };
    assert_eq!(publish(&["id 1", "body 1"], "1").await, 1);
    assert_eq!(publish(&["id 1", "body 2"], "again").await, 0);
    assert_eq!(publish(&["id 2", "body 1"], "again").await, 0);
    assert_eq!(publish(&["body 1"], "again").await, 0);
    // A duplicate leaves no names.
    assert_eq!(publish(&["id 2", "body 2"], "2").await, 1);
    assert_eq!(publish(&[], "3").await + publish(&[], "3").await, 2, "what has no name is no duplicate");
    assert_eq!(hear_many(&mut listener, 4).await, ["1", "2", "3", "3"]);
    assert_eq!(hub.figures().duplicates, 3);
}

pub(super) async fn a_thousand_equal_deliveries_at_once_are_published_once(bench: Bench) {
    let hub = bench.hub();
    let mut listener = listen(&hub, "order/7", None).await;
    let deliveries = (0..1_000).map(|_| {
        let hub = hub.clone();
        tokio::spawn(async move { hub.publish(named(&["the same"], "order/7", "once")).await.unwrap() })
    });
    let published = within(join_all(deliveries.collect::<Vec<_>>())).await;
    let kept = published.iter().filter(|published| matches!(published, Ok(Published::Kept(_)))).count();
    assert_eq!(kept, 1);
    publish(&hub, "order/7", "the next").await;
    assert_eq!(hear_many(&mut listener, 2).await, ["once", "the next"]);
    let figures = hub.figures();
    assert_eq!((figures.published, figures.duplicates), (2, 999));
}

pub(super) async fn a_delivery_of_several_events_is_whole_and_in_order(bench: Bench) {
    let hub = bench.hub();
    let mut order = listen(&hub, "order/7", None).await;
    let mut all = listen(&hub, "orders", None).await;
    let events = vec![event("orders", 1), event("order/7", 2), event("orders", 3), event("order/7", 4)];
    let delivery = Delivery { names: vec![b"one".as_slice().into()], events, ..Delivery::default() };
    let Published::Kept(ids) = within(hub.publish(delivery.clone())).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(ids.len(), 4);
    assert!(ids[0] < ids[2] && ids[1] < ids[3], "{ids:?}");
    assert_eq!(within(hub.publish(delivery)).await.unwrap(), Published::Duplicate);
    assert_eq!(hear_many(&mut order, 2).await, ["2", "4"]);
    assert_eq!(hear_many(&mut all, 2).await, ["1", "3"]);
    let nothing = Delivery { names: vec![b"two".as_slice().into()], ..Delivery::default() };
    assert_eq!(within(hub.publish(nothing.clone())).await.unwrap(), Published::Kept(Vec::new()));
    assert_eq!(within(hub.publish(nothing)).await.unwrap(), Published::Duplicate);
}

pub(super) async fn all_listeners_hear_the_same_in_the_same_order(bench: Bench) {
    let hub = bench.hub();
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let mut listener = listen(&hub, "orders", None).await;
        tasks.push(tokio::spawn(async move { hear_many(&mut listener, 400).await }));
    }
    let publishers = (0..8).map(|publisher| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                publish(&hub, "orders", format!("{publisher} {number}")).await;
            }
        })
    });
    join_all(publishers.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
    let heard: Vec<Vec<String>> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert!(heard.iter().all(|one| *one == heard[0]), "they differ");
    for publisher in 0..8 {
        let own: Vec<&String> =
            heard[0].iter().filter(|data| data.starts_with(&format!("{publisher} "))).collect();
        let sent: Vec<String> = (0..50).map(|number| format!("{publisher} {number}")).collect();
        assert_eq!(own, sent.iter().collect::<Vec<_>>());
    }
}

pub(super) async fn nothing_is_heard_twice_or_lost_when_a_listener_gives_up_waiting(bench: Bench) {
    let hub = bench.hub();
    let before = publish(&hub, "orders", "before").await;
    let mut listener = listen(&hub, "orders", Some(before)).await;
    // Each event is let go by a wait that was given up.
    let given_up = Arc::new(Semaphore::new(0));
    let publisher = tokio::spawn({
        let (hub, given_up) = (hub.clone(), given_up.clone());
        async move {
            for number in 0..200 {
                given_up.acquire().await.unwrap().forget();
                publish(&hub, "orders", number).await;
            }
        }
    });
    let mut heard = Vec::new();
    within(async {
        while heard.len() < 200 {
            tokio::select! {
                biased;
                Heard::Event(event) = listener.next() => heard.push(event.data.to_vec()),
                () = tokio::task::yield_now() => given_up.add_permits(1),
            }
        }
    })
    .await;
    publisher.await.unwrap();
    let sent: Vec<Vec<u8>> = (0..200).map(|number: u32| number.to_string().into_bytes()).collect();
    assert_eq!(heard, sent);
}

pub(super) async fn what_is_too_old_is_not_heard(bench: Bench) {
    let bench = bench.keeping(|events| events.keep_for = Duration::from_millis(300));
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    publish(&hub, "order/7", 2).await;
    until(async || {
        let mut listener = listen(&hub, "order/7", Some(first)).await;
        publish(&hub, "order/7", 3).await;
        hear(&mut listener).await == "gap"
    })
    .await;
}

pub(super) async fn a_quiet_topic_is_no_gap(bench: Bench) {
    let bench = bench.keeping(|events| events.keep_for = Duration::from_millis(100));
    let hub = bench.hub();
    let first = publish(&hub, "order/7", 1).await;
    let last = publish(&hub, "order/7", 2).await;
    // Until it is gone: the one before the last is not known any more.
    until(async || {
        let mut listener = listen(&hub, "order/7", Some(first)).await;
        publish(&hub, "to be heard of", 0).await;
        tokio::time::timeout(Duration::from_millis(50), listener.next()).await == Ok(Heard::Gap)
    })
    .await;
    let mut listener = listen(&hub, "order/7", Some(last)).await;
    publish(&hub, "order/7", 3).await;
    assert_eq!(hear(&mut listener).await, "3");
}

pub(super) async fn the_figures_tell_what_happened(bench: Bench) {
    let hub = bench.hub();
    let mut listener = listen(&hub, "order/7", None).await;
    let another = listen(&hub, "order/7", None).await;
    within(hub.publish(named(&["a"], "order/7", 1))).await.unwrap();
    within(hub.publish(named(&["a"], "order/7", 1))).await.unwrap();
    hear(&mut listener).await;
    let figures = hub.figures();
    assert_eq!((figures.published, figures.deliveries, figures.duplicates), (1, 1, 1));
    assert_eq!((figures.topics, figures.events, figures.listeners), (1, 1, 2));
    assert!(figures.bytes > 0);
    assert_eq!((figures.gaps, figures.failures, figures.forgotten), (0, 0, 0));
    assert_eq!(figures.names, if bench.is_redis() { 0 } else { 1 });
    drop((listener, another));
    assert_eq!(hub.figures().listeners, 0);
    // What nobody listens to any more is Redis' alone.
    assert_eq!(hub.figures().topics, if bench.is_redis() { 0 } else { 1 });
    hub.publish(nameless("order/8", 1)).await.unwrap();
    within(hub.close()).await;
}
