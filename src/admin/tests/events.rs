//! Topics, those who hear them, and deliveries of webhooks.

use futures_util::FutureExt as _;

use super::*;
use crate::{
    events::{Delivery, NewEvent, Started},
    execute,
    graph::{Sources, load_sources},
};

#[tokio::test]
async fn events_are_counted() {
    let hub = Hub::default();
    let event = NewEvent { topic: "order/7".into(), data: "{}".into() };
    let delivery = Delivery { names: vec![Box::from(*b"1")], events: vec![event], ..Delivery::default() };
    hub.publish(delivery.clone()).await.expect("it is kept");
    hub.publish(delivery).await.expect("it is known");
    let gateway = Gateway::new(graph("type Query { a: Int }"), Config::default(), Arc::new(Idle));
    let control = Arc::new(Control::new(Events::new(gateway, hub), Arc::new(Vec::new)));
    let document = "{ events { topics kept listeners deliveries published duplicates subscribers subscriptions { name } } }";
    let answer = super::super::graph::schema(control).execute(document).await.data.into_json().expect("JSON");
    let expected = json!({
        "topics": 1, "kept": 1, "listeners": 0, "deliveries": 1, "published": 1, "duplicates": 1,
        "subscribers": 0, "subscriptions": []
    });
    assert_eq!(answer["events"], expected);
}

#[tokio::test]
async fn topics_and_deliveries_are_shown_as_they_come() {
    let files = [
        (
            "schema/a.graphql",
            r#"
            type Query { ready: Boolean @connect(selection: "$(true)") }
            type Subscription { changed(id: ID!): Int @subscribe(topic: "changes/{$args.id}", authorize: NONE, selection: "$.n") }
        "#,
        ),
        (
            "connectors/shop.yaml",
            "base_url: http://shop\nwebhooks: { changes: { verify: { scheme: none }, id: $.n, \
          publish: { when: $.n->ne(0), topic: \"changes/{$.id}\" } } }",
        ),
    ];
    let file = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let sources =
        Sources { schema: vec![file(files[0])], connectors: vec![file(files[1])], ..Sources::default() };
    let loaded = load_sources(&sources).expect("no faults");
    let events = Events::new(Gateway::new(loaded.graph, loaded.config, Arc::new(Idle)), Hub::default());
    let schema = super::super::graph::schema(Arc::new(Control::new(events.clone(), Arc::new(Vec::new))));
    let mut seen = schema.execute_stream("subscription { deliveries { webhook outcome events reason } }");
    let mut refused =
        schema.execute_stream("subscription { deliveries(refusedOnly: true) { reason detail } }");
    // They watch from when they are asked.
    assert!(seen.next().now_or_never().is_none() && refused.next().now_or_never().is_none());
    let query = "subscription { changed(id: 7) }".to_owned();
    let listening = events.start(execute::Request { query, ..Default::default() }).await;
    let Started::Stream(_listening) = listening else { panic!("it is a subscription") };
    for body in [r#"{"id": 7, "n": 1}"#, r#"{"id": 7, "n": 1}"#, r#"{"n": 0}"#, r#"{"n": 2}"#] {
        let intake = events.webhook("shop", "changes").expect("a webhook");
        drop(intake.take(&http::HeaderMap::new(), body.as_bytes(), std::time::SystemTime::now()).await);
    }
    for (outcome, events, reason) in
        [("accepted", 1, None), ("duplicate", 0, None), ("ignored", 0, None), ("refused", 0, Some("mapping"))]
    {
        let told = seen.next().await.expect("a delivery").data.into_json().expect("JSON");
        let expected = json!({"webhook": "changes", "outcome": outcome, "events": events, "reason": reason});
        assert_eq!(told["deliveries"], expected);
    }
    let told = refused.next().await.expect("a delivery").data.into_json().expect("JSON");
    assert_eq!(told["deliveries"]["reason"], "mapping");
    assert!(told["deliveries"]["detail"].as_str().is_some_and(|detail| detail.contains("topic")), "{told}");
    let document = "{ events { gaps newest { name kept subscribers oldest newest } } }";
    let answer = schema.execute(document).await.data.into_json().expect("JSON");
    let topic = &answer["events"]["newest"][0];
    assert_eq!(
        (&topic["name"], &topic["kept"], &topic["subscribers"]),
        (&json!("changes/7"), &json!(1), &json!(1))
    );
    assert!(topic["oldest"].is_string() && topic["oldest"] == topic["newest"], "{topic}");
}
