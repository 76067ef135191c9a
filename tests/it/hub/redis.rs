//! Events in Redis: several instances, and a server that is slow, gone, forgetful or somebody else's.

use std::time::{Duration, Instant};

use ficus::{
    config::{EventStore, Redis},
    events::{EventId, Heard, Hub, Published},
};
use futures_util::future::join_all;

use super::bench::{
    Bench, deliver, door, events, hear, hear_many, listen, named, nameless, publish, subscribe, told, until,
    within,
};
use crate::support::redis::RedisServer;

/// Commands as people would type them.
async fn ask(bench: &Bench, command: &str) -> ::redis::Value {
    let client = ::redis::Client::open(bench.server.as_ref().unwrap().url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut words = command.split_whitespace();
    let mut asked = ::redis::cmd(words.next().unwrap());
    for word in words {
        asked.arg(word);
    }
    asked.query_async(&mut connection).await.unwrap()
}

async fn keys(bench: &Bench) -> Vec<String> {
    ::redis::from_redis_value(ask(bench, "KEYS *").await).unwrap()
}

async fn until_published(hub: &Hub, topic: &str, data: &str) -> EventId {
    within(async {
        loop {
            if let Ok(Published::Kept(ids)) = hub.publish(nameless(topic, data)).await {
                return ids[0];
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_instance_hears_what_any_of_them_takes_once_and_in_one_order() {
    let bench = Bench::redis();
    let instances = [bench.hub(), bench.hub(), bench.hub()];
    let mut listening = Vec::new();
    for hub in &instances {
        for _ in 0..3 {
            let mut listener = listen(hub, "orders", None).await;
            listening.push(tokio::spawn(async move { hear_many(&mut listener, 300).await }));
        }
    }
    let publishing = instances.iter().enumerate().map(|(instance, hub)| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                let data = format!("{instance} {number}");
                // What a sender sends again reaches another instance.
                let delivery = named(&[&data], "orders", &data);
                within(hub.publish(delivery)).await.unwrap();
            }
        })
    });
    join_all(publishing.collect::<Vec<_>>()).await;
    let heard: Vec<Vec<String>> = join_all(listening).await.into_iter().map(Result::unwrap).collect();
    assert!(heard.iter().all(|one| *one == heard[0]));
    for instance in 0..3 {
        let own: Vec<&String> =
            heard[0].iter().filter(|data| data.starts_with(&format!("{instance} "))).collect();
        assert_eq!(own.len(), 100);
        assert!(own.is_sorted_by_key(|data| data[2..].parse::<u32>().unwrap()));
    }
    let again = named(&["0 7"], "orders", "again");
    assert_eq!(within(instances[2].publish(again)).await.unwrap(), Published::Duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_with_an_instance_that_is_gone_goes_on_with_another() {
    let bench = Bench::redis();
    let (one, two) = (bench.hub(), bench.hub());
    let mut listener = listen(&one, "order/7", None).await;
    publish(&two, "order/7", 1).await;
    let Heard::Event(first) = within(listener.next()).await else { panic!("nothing is missing") };
    drop((listener, one));
    publish(&two, "order/7", 2).await;
    let mut listener = listen(&two, "order/7", Some(first.id)).await;
    publish(&two, "order/7", 3).await;
    assert_eq!(hear_many(&mut listener, 2).await, ["2", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_costs_no_event() {
    let bench = Bench::redis();
    let (here, there) = (bench.hub(), bench.hub());
    let mut listener = listen(&here, "orders", None).await;
    let mut sent = Vec::new();
    for round in 0..5 {
        for number in 0..20 {
            let data = format!("{round} {number}");
            // Sent again until it is kept, as senders do.
            within(async { while there.publish(named(&[&data], "orders", &data)).await.is_err() {} }).await;
            sent.push(data);
        }
        ask(&bench, "CLIENT KILL TYPE pubsub").await;
        ask(&bench, "CLIENT KILL TYPE normal SKIPME yes").await;
    }
    assert_eq!(hear_many(&mut listener, sent.len()).await, sent);
    assert_eq!(here.figures().gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hears_no_more_is_an_error_in_time_and_listeners_go_on_after_it() {
    let bench = Bench::redis();
    let hub = bench.hub();
    let mut listener = listen(&hub, "orders", None).await;
    publish(&hub, "orders", 1).await;
    assert_eq!(hear(&mut listener).await, "1");
    bench.server.as_ref().unwrap().freeze();
    let begun = Instant::now();
    assert!(within(hub.publish(nameless("orders", 2))).await.is_err());
    assert!(hub.listen("other", None).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    bench.server.as_ref().unwrap().thaw();
    until_published(&hub, "orders", "after").await;
    // What could not be answered may have been published all the same.
    while hear(&mut listener).await != "after" {}
    assert_eq!(hub.figures().gaps, 0);
    assert!(hub.figures().failures >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_redis_does_not_take_is_answered_503_until_it_does() {
    let mut bench = Bench::redis();
    let events = events(bench.hub());
    let mut client = subscribe(&events, None).await;
    assert_eq!(deliver(&events, 1).await, 200);
    assert!(told(&mut client).await.0.contains(r#""changed":1"#));
    bench.server.as_mut().unwrap().kill();
    assert_eq!(deliver(&events, 2).await, 503);
    assert_eq!((events.hub().figures().published, events.hub().figures().failures), (1, 1));
    bench.server.as_mut().unwrap().restart();
    until(async || deliver(&events, 2).await == 200).await;
    // The one that begins anew knows nothing of what was told before.
    assert_eq!(told(&mut client).await.0, r#"{"data":null,"extensions":{"gap":true}}"#);
    assert!(told(&mut client).await.0.contains(r#""changed":2"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_begins_anew_is_a_gap() {
    let mut bench = Bench::redis();
    let hub = bench.hub();
    let mut listener = listen(&hub, "orders", None).await;
    let last = publish(&hub, "orders", 1).await;
    assert_eq!(hear(&mut listener).await, "1");
    bench.server.as_mut().unwrap().kill();
    assert!(within(hub.publish(nameless("orders", "lost"))).await.is_err());
    bench.server.as_mut().unwrap().restart();
    until_published(&hub, "orders", "new").await;
    assert_eq!(hear_many(&mut listener, 2).await, ["gap", "new"]);
    let mut late = listen(&hub, "orders", Some(last)).await;
    assert_eq!(hear_many(&mut late, 2).await, ["gap", "new"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_trimmed_while_an_instance_was_cut_off_is_a_gap() {
    let bench = Bench::redis().keeping(|events| events.keep = 3);
    let there = bench.hub();
    // The one who listens goes through a door that can be closed.
    let (port, door) = door(bench.server.as_ref().unwrap().port).await;
    let mut config = bench.config.clone();
    config.redis = Some(Redis::at(format!("redis://127.0.0.1:{port}")));
    let here = Hub::open(&config).unwrap();
    let mut orders = listen(&here, "orders", None).await;
    let mut empty = listen(&here, "empty", None).await;
    let mut quiet = listen(&here, "quiet", None).await;
    publish(&there, "orders", 0).await;
    assert_eq!(hear(&mut orders).await, "0");
    door.close().await;
    for number in 1..=5 {
        publish(&there, "orders", number).await;
        publish(&there, "empty", number).await;
    }
    publish(&there, "quiet", 1).await;
    door.open();
    assert_eq!(hear_many(&mut orders, 4).await, ["gap", "3", "4", "5"]);
    assert_eq!(hear_many(&mut empty, 4).await, ["gap", "3", "4", "5"]);
    assert_eq!(hear(&mut quiet).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_keys_show_no_topic_and_keys_go_away() {
    let bench = Bench::redis().keeping(|events| events.keep_for = Duration::from_millis(200));
    let hub = bench.hub();
    within(hub.publish(named(&["secret id"], "customer/ada@example.org", 1))).await.unwrap();
    let found = keys(&bench).await;
    assert!(found.iter().all(|key| key.starts_with("{ficus}:events:")), "{found:?}");
    assert!(!found.iter().any(|key| key.contains("ada") || key.contains("secret")), "{found:?}");
    assert_eq!(found.len(), 3);
    until(async || !keys(&bench).await.iter().any(|key| key.contains(":of:"))).await;
    assert_eq!(ask(&bench, "ZCARD {ficus}:events:names").await, ::redis::Value::Int(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_to_a_quiet_topic_is_told_of_no_gap() {
    let bench = Bench::redis().keeping(|events| events.keep_for = Duration::from_millis(50));
    let (here, there) = (bench.hub(), bench.hub());
    let mut listener = listen(&here, "orders", None).await;
    for number in 0..5 {
        publish(&there, "orders", number).await;
        assert_eq!(hear(&mut listener).await, number.to_string());
        until(async || !keys(&bench).await.iter().any(|key| key.contains(":of:"))).await;
    }
    assert_eq!(here.figures().gaps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_bounded() {
    let bench = Bench::redis().keeping(|events| events.deliveries = 10);
    let hub = bench.hub();
    for number in 0..15 {
        within(hub.publish(named(&[&number.to_string()], "orders", number))).await.unwrap();
    }
    assert_eq!(ask(&bench, "ZCARD {ficus}:events:names").await, ::redis::Value::Int(10));
    assert_eq!(hub.figures().forgotten, 5);
    assert_eq!(within(hub.publish(named(&["14"], "orders", "again"))).await.unwrap(), Published::Duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_redis_takes_nothing_and_then_goes_on() {
    let bench = Bench::redis();
    let hub = bench.hub();
    let mut listener = listen(&hub, "orders", None).await;
    ask(&bench, "CONFIG SET maxmemory 1").await;
    let delivery = named(&["one"], "orders", 1);
    let refused = within(hub.publish(delivery.clone())).await.unwrap_err().to_string();
    assert!(refused.contains("OOM"), "{refused}");
    ask(&bench, "CONFIG SET maxmemory 0").await;
    assert!(matches!(within(hub.publish(delivery)).await.unwrap(), Published::Kept(_)));
    assert_eq!(hear(&mut listener).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_somebody_elses_leaves_a_delivery_unpublished_as_a_whole() {
    let bench = Bench::redis();
    let hub = bench.hub();
    publish(&hub, "order/8", 0).await;
    let keys = keys(&bench).await;
    let stream = keys.iter().find(|key| key.contains(":of:")).expect("one stream");
    ask(&bench, &format!("DEL {stream}")).await;
    ask(&bench, &format!("SET {stream} taken")).await;
    let mut delivery = named(&["one"], "order/7", 1);
    delivery.events.extend(nameless("order/8", 2).events);
    assert!(within(hub.publish(delivery.clone())).await.is_err());
    assert_eq!(ask(&bench, "EXISTS {ficus}:events:names").await, ::redis::Value::Int(0));
    ask(&bench, &format!("DEL {stream}")).await;
    assert!(matches!(within(hub.publish(delivery)).await.unwrap(), Published::Kept(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_given_and_a_wrong_one_is_an_error() {
    let mut bench = Bench::redis();
    let server = RedisServer::start_with(&["--requirepass", "open sesame"]);
    for (password, is_right) in [("open%20sesame", true), ("wrong", false)] {
        bench.config.redis = Some(Redis::at(format!("redis://:{password}@127.0.0.1:{}", server.port)));
        let published = within(bench.hub().publish(nameless("orders", 1))).await;
        assert_eq!(published.is_ok(), is_right, "{password}");
    }
    bench.config.redis = Some(Redis::at("nonsense"));
    assert!(Hub::open(&bench.config).is_err());
    bench.config.redis = None;
    bench.config.events.store = EventStore::Redis;
    assert!(Hub::open(&bench.config).is_err());
}
