//! Purges by tag and rows kept one by one: every order in which they can meet a fetch, and the truth of a list that remembers all.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    connector::{Caching, Connector, Rows, TagPart, TagTemplate},
    fetch::{Keeping, Scope, testing::scoped},
    mapping::ast::Mapping,
};

const TAG: &str = "product:7";

/// Tags as a connector's templates make them, for `args`.
fn keeping(tags: &[&str], args: &serde_json::Value) -> Keeping {
    let template = |text: &&str| TagTemplate { parts: vec![TagPart::Text((*text).to_owned())] };
    let templates: Vec<TagTemplate> = tags.iter().map(template).collect();
    keeping_of(templates, args)
}

fn keeping_of(tags: Vec<TagTemplate>, args: &serde_json::Value) -> Keeping {
    let connector = testing::connector(testing::source("http://shop"), testing::request(Method::GET, "/"));
    let connector = Connector { caching: Caching { tags, ..Caching::default() }, ..connector };
    scoped(&connector, args, None, None, |connector, _, _, scope: &mut Scope<'_, '_>| {
        Keeping::of(connector, scope)
    })
}

fn expression(text: &str) -> Mapping {
    testing::mapping(text)
}

fn tagged(url: &str, tags: &[&str]) -> UpstreamRequest {
    UpstreamRequest { url: url.to_owned(), keeping: keeping(tags, &serde_json::json!({})), ..get(&[]) }
}

fn product() -> UpstreamRequest {
    tagged("http://shop/products/7", &["products", TAG])
}

impl Bench {
    fn asks(&self, request: UpstreamRequest) -> tokio::task::JoinHandle<String> {
        let (cache, source) = (Arc::clone(&self.cache), Arc::clone(&self.source));
        tokio::spawn(async move {
            let answer = cache.send(&source, request.into()).await.unwrap();
            String::from_utf8(answer.body.to_vec()).unwrap()
        })
    }

    fn purge_tag(&self, tag: &str) {
        self.cache.purge_tags(&[tag.to_owned()]);
    }
}

/// Every way in which a purge can come between the steps of a fetch.
#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_its_tag_was_purged_is_neither_joined_nor_kept() {
    let bench = bench(&[MINUTE]);
    bench.backend.answers.forget_permits(1000);
    let before = bench.asks(product());
    bench.until_asked(1).await;
    bench.purge_tag(TAG);
    let after = bench.asks(product());
    bench.until_asked(2).await;
    bench.backend.answers.add_permits(2);
    assert_eq!(before.await.unwrap(), "1", "it asked before the purge");
    assert_eq!(after.await.unwrap(), "2");
    assert_eq!(bench.send(product()).await, "2", "only what was asked for after the purge is kept");

    bench.purge_tag(TAG);
    bench.backend.answers.add_permits(1);
    assert_eq!(bench.send(product()).await, "3", "and what is kept goes with the next purge");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_purge_does_not_replace_a_newer_one() {
    let bench = bench(&[MINUTE]);
    bench.backend.answers.forget_permits(1000);
    let before = bench.asks(product());
    bench.until_asked(1).await;
    bench.purge_tag(TAG);
    // The old answer is the last to arrive.
    let after = bench.asks(product());
    bench.until_asked(2).await;
    bench.backend.answers.add_permits(2);
    assert_eq!(after.await.unwrap(), "2");
    assert_eq!(before.await.unwrap(), "1");
    assert_eq!(bench.send(product()).await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_purge_leaves_other_tags_alone() {
    let bench = bench(&[MINUTE]);
    let other = || tagged("http://shop/products/8", &["products", "product:8"]);
    bench.send(product()).await;
    bench.send(other()).await;
    bench.purge_tag(TAG);
    assert_eq!(bench.send(other()).await, "2");
    assert_eq!(bench.send(product()).await, "3");
    bench.purge_tag("products");
    assert_eq!(bench.send(other()).await, "4");
    assert_eq!(bench.send(product()).await, "5");
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_under_way_when_its_tag_was_purged_revives_nothing() {
    let bench = bench(&[MINUTE, ("etag", "\"v1\"")]);
    bench.send(product()).await;
    time::advance(Duration::from_secs(60)).await;
    bench.backend.answers.forget_permits(1000);
    bench.becomes(304, &[MINUTE, ("etag", "\"v1\"")]);
    let before = bench.asks(product());
    bench.until_asked(2).await;
    bench.purge_tag(TAG);
    bench.becomes(200, &[MINUTE]);
    bench.backend.answers.add_permits(2);
    assert_eq!(before.await.unwrap(), "1");
    assert_eq!(bench.send(product()).await, "3");
}

#[tokio::test(start_paused = true)]
async fn the_same_request_under_other_tags_is_another_one() {
    let bench = bench(&[MINUTE]);
    let url = "http://shop/products/7";
    assert_eq!(bench.send(tagged(url, &["a"])).await, "1");
    assert_eq!(bench.send(tagged(url, &["b"])).await, "2");
    bench.purge_tag("b");
    assert_eq!(bench.send(tagged(url, &["a"])).await, "1");
    assert_eq!(bench.send(tagged(url, &["b"])).await, "3");
}

#[test]
fn values_in_tags_are_segments_and_what_cannot_be_made_keeps_nothing() {
    let of = |text: &str, args: serde_json::Value| {
        let tag = TagTemplate { parts: vec![TagPart::Text("p:".into()), TagPart::Request(expression(text))] };
        let keeping = keeping_of(vec![tag], &args);
        (keeping.part == Part::Whole).then(|| keeping.tags_of_rows(&[]).unwrap().concat())
    };
    let id = |id: serde_json::Value| serde_json::json!({ "id": id });
    assert_eq!(of("$args.id", id(7.into())), Some("p:7".to_owned()));
    assert_eq!(of("$args.id", id("a/b:c é".into())), Some("p:a%2Fb%3Ac%20%C3%A9".to_owned()));
    assert_eq!(of("$args.id", id(true.into())), Some("p:true".to_owned()));
    for nothing in [serde_json::Value::Null, serde_json::json!([1]), serde_json::json!({"a": 1})] {
        assert_eq!(of("$args.id", id(nothing)), None);
    }
    assert_eq!(of("$args.id", serde_json::json!({})), None);

    let row =
        TagTemplate { parts: vec![TagPart::Text("p:".into()), TagPart::Row(expression("$.id").into())] };
    let keeping =
        Keeping { rows_at: Some(Vec::new().into()), ..keeping_of(vec![row], &serde_json::json!({})) };
    let tags = |rows: &[&str]| keeping.tags_of_rows(rows).map(|tags| tags.join(" "));
    assert_eq!(tags(&[r#"{"id": 1}"#, r#"{"id": "x y"}"#, r#"{"id": 1}"#]), Some("p:1 p:x%20y".to_owned()));
    assert_eq!(tags(&[]), Some(String::new()));
    assert_eq!(tags(&[r#"{"id": 1}"#, "{}"]), None, "a row without it could not be found");
    let many: Vec<String> = (0..1001).map(|id| format!(r#"{{"id": {id}}}"#)).collect();
    assert_eq!(tags(&many.iter().map(String::as_str).collect::<Vec<_>>()), None, "and neither could so many");
}

/// The body is the one that was kept: it is not copied, and nothing of it is read again to make its tags.
#[tokio::test(start_paused = true)]
async fn what_was_made_of_a_body_outlives_that_nothing_changed() {
    let bench = bench(&[("cache-control", "max-age=1"), ("etag", "\"a\"")]);
    let row = TagTemplate { parts: vec![TagPart::Text("n:".into()), TagPart::Row(expression("$").into())] };
    let keeping =
        Keeping { rows_at: Some(Vec::new().into()), ..keeping_of(vec![row], &serde_json::json!({})) };
    let request = || UpstreamRequest { keeping: keeping.clone(), ..get(&[]) };
    let answer = async || bench.cache.send(&bench.source, request().into()).await.unwrap();
    let entry = || {
        let asked = request();
        let wanted = store::Wanted { request: &asked, ignored: &[], rows: None };
        bench.cache.shared.store.find(&wanted).unwrap()
    };
    let (first, kept) = (answer().await, entry());
    assert_eq!(kept.tags.concat(), "n:1");
    time::advance(Duration::from_secs(5)).await;
    *bench.backend.status.lock().unwrap() = 304;
    let (again, renewed) = (answer().await, entry());
    assert_eq!(bench.asked(), 2);
    assert!(
        !Arc::ptr_eq(&kept, &renewed) && renewed.policy.age(time::Instant::now()) < Duration::from_secs(1)
    );
    assert_eq!(first.body.as_ptr(), again.body.as_ptr());
    assert!(Arc::ptr_eq(&kept.tags[0], &renewed.tags[0]));
}

// ---- rows ----------------------------------------------------------------------------------------------------------

fn batched() -> Connector {
    let key = vec![vec!["id".to_owned()]];
    let rows = Rows { list: Vec::new().into(), key, has_many: false };
    let connector = testing::connector(testing::source("http://shop"), testing::request(Method::GET, "/"));
    let caching = Caching { rows: Some(Arc::new(rows)), ..Caching::default() };
    Connector { caching, ..connector }
}

fn batch() -> UpstreamRequest {
    let keeping = Keeping { part: Part::Rows, ..Keeping::default() };
    UpstreamRequest { url: "http://shop/products?id=7&id=8".into(), keeping, ..get(&[]) }
}

fn single(id: u32) -> UpstreamRequest {
    tagged(&format!("http://shop/products?id={id}"), &[&format!("product:{id}")])
}

impl Bench {
    fn keeps(&self, connector: &Connector, response: &UpstreamResponse, rows: &[(u32, &[&str])]) {
        let to_keep = rows.iter().map(|(id, rows)| RowsToKeep { request: single(*id), rows: rows.to_vec() });
        self.cache.rows().unwrap().keep(connector, response, || to_keep.collect());
    }

    fn found(&self, connector: &Connector, id: u32) -> Option<String> {
        let how = connector.caching.rows.as_ref().unwrap();
        let found = self.cache.rows().unwrap().find(&self.source, how, &single(id))?;
        matches!(found.good_for, RowUse::Fresh)
            .then(|| String::from_utf8(found.answer.body.to_vec()).unwrap())
    }
}

/// Wherever a purge comes between asking, the answer, and keeping its rows: what it names is not kept, the others are.
#[tokio::test(start_paused = true)]
async fn rows_that_were_under_way_when_their_tag_was_purged_are_not_kept() {
    for purged_before in ["the answer", "rows are kept", "rows are used"] {
        let (bench, connector) = (bench(&[MINUTE]), batched());
        bench.backend.answers.forget_permits(1000);
        let (cache, source) = (Arc::clone(&bench.cache), Arc::clone(&bench.source));
        let under_way = tokio::spawn(async move { cache.send(&source, batch().into()).await.unwrap() });
        bench.until_asked(1).await;
        let purge_if = |now: &str| {
            if purged_before == now {
                bench.purge_tag(TAG);
            }
        };
        purge_if("the answer");
        bench.backend.answers.add_permits(1);
        let response = under_way.await.unwrap();
        purge_if("rows are kept");
        bench.keeps(&connector, &response, &[(7, &["{\"id\":7}"]), (8, &["{\"id\":8}"])]);
        purge_if("rows are used");
        assert_eq!(bench.found(&connector, 7), None, "purged before {purged_before}");
        assert_eq!(
            bench.found(&connector, 8).as_deref(),
            Some("{\"id\":8}"),
            "purged before {purged_before}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rows_live_as_long_as_their_answer_says_and_are_kept_once() {
    let (bench, connector) =
        (bench(&[("cache-control", "max-age=60, stale-while-revalidate=30, stale-if-error=90")]), batched());
    assert!(!bench.cache.rows().unwrap().knows(&connector), "nothing to look up yet");
    let response = bench.cache.send(&bench.source, batch().into()).await.unwrap();
    bench.keeps(&connector, &response, &[(7, &["{\"id\":7}"]), (8, &[])]);
    bench.keeps(&connector, &response, &[(9, &["{\"id\":9}"])]);
    assert_eq!(bench.found(&connector, 7).as_deref(), Some("{\"id\":7}"));
    assert_eq!(bench.found(&connector, 8), None, "that it is missing was not to be kept");
    assert_eq!(bench.found(&connector, 9), None, "another had kept its rows");
    time::advance(Duration::from_secs(60)).await;
    let rows = bench.cache.rows().unwrap();
    let find =
        || rows.find(&bench.source, connector.caching.rows.as_ref().unwrap(), &single(7)).unwrap().good_for;
    let asked = find();
    assert!(matches!(asked, RowUse::AskedAgain(_)));
    assert!(matches!(find(), RowUse::Fresh), "somebody asks already");
    drop(asked);
    assert!(matches!(find(), RowUse::AskedAgain(_)), "nobody does any more");
    time::advance(Duration::from_secs(30)).await;
    assert!(matches!(find(), RowUse::OnError));
    time::advance(Duration::from_secs(60)).await;
    assert!(bench.found(&connector, 7).is_none());
}

#[tokio::test(start_paused = true)]
async fn rows_of_what_may_not_be_stored_are_not_kept() {
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("cache-control", "no-store, max-age=60")],
        &[("cache-control", "private, max-age=60")],
        &[MINUTE, ("set-cookie", "session=1")],
        &[MINUTE, ("vary", "*")],
        &[("etag", "\"of the whole\"")],
    ];
    for headers in refused {
        let (bench, connector) = (bench(headers), batched());
        let response = bench.cache.send(&bench.source, batch().into()).await.unwrap();
        bench.keeps(&connector, &response, &[(7, &["{\"id\":7}"])]);
        assert_eq!(bench.found(&connector, 7), None, "{headers:?}");
    }
    let (varied, connector) = (bench(&[MINUTE, ("vary", "accept-language")]), batched());
    let response = varied.cache.send(&varied.source, batch().into()).await.unwrap();
    varied.keeps(&connector, &response, &[(7, &["{\"id\":7}"])]);
    assert!(varied.found(&connector, 7).is_some());
    let mut other = single(7);
    other.own_headers.0.push((header::ACCEPT_LANGUAGE, HeaderValue::from_static("fr")));
    let how = connector.caching.rows.as_ref().unwrap();
    assert!(
        varied.cache.rows().unwrap().find(&varied.source, how, &other).is_none(),
        "chosen by another header"
    );
}

// ---- the truth -----------------------------------------------------------------------------------------------------

/// What can happen to four requests with tags of their own.
#[derive(Debug, Clone)]
enum Event {
    /// A client asks, and its answer waits.
    Ask(usize),
    /// The backend answers the oldest that waits.
    Answer,
    PurgeTag(usize),
    PurgeSource,
}

const TAGS_OF: [&[&str]; 4] = [&["a"], &["a", "b"], &["b", "c"], &[]];
const TAGS: [&str; 4] = ["a", "b", "c", "d"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..TAGS_OF.len()).prop_map(Event::Ask),
        4 => Just(Event::Answer),
        2 => (0..TAGS.len()).prop_map(Event::PurgeTag),
        1 => Just(Event::PurgeSource),
    ]
}

/// A fetch of the model: which request, and whether a purge named it since it began.
struct Flight {
    request: usize,
    is_purged: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The cache asks its backend exactly when a list that remembers everything says that it must.
    #[test]
    fn what_is_asked_for_is_what_was_never_answered_or_purged(events in prop::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = bench(&[MINUTE]);
            bench.backend.answers.forget_permits(1000);
            let (mut flights, mut kept) = (Vec::<Flight>::new(), BTreeSet::new());
            let mut expected = 0;
            let mut clients = Vec::new();
            for event in events {
                let named = |request: usize, tag: &str| TAGS_OF[request].contains(&tag);
                let mut purge = |names: &dyn Fn(usize) -> bool| {
                    kept.retain(|request| !names(*request));
                    flights.iter_mut().filter(|flight| names(flight.request)).for_each(|flight| flight.is_purged = true);
                };
                match event {
                    Event::PurgeTag(tag) => {
                        bench.purge_tag(TAGS[tag]);
                        purge(&|request| named(request, TAGS[tag]));
                    }
                    Event::PurgeSource => {
                        bench.cache.purge(Some(&bench.source));
                        purge(&|_| true);
                    }
                    Event::Answer => {
                        let waits = !flights.is_empty();
                        if waits {
                            let flight = flights.remove(0);
                            if !flight.is_purged {
                                kept.insert(flight.request);
                            }
                            bench.backend.answers.add_permits(1);
                        }
                    }
                    Event::Ask(request) => {
                        let url = format!("http://shop/{request}");
                        clients.push(bench.asks(tagged(&url, TAGS_OF[request])));
                        settle().await;
                        let asked = bench.asked();
                        let must_ask = !kept.contains(&request)
                            && !flights.iter().any(|flight| flight.request == request && !flight.is_purged);
                        // One that is under way since before any purge may be left alone, also where the purge named others.
                        prop_assert!(asked == expected + usize::from(must_ask) || (!kept.contains(&request) && asked == expected + 1));
                        if asked > expected {
                            flights.push(Flight { request, is_purged: false });
                        }
                        expected = asked;
                    }
                }
                settle().await;
            }
            bench.backend.answers.add_permits(1000);
            for client in clients {
                client.await.unwrap();
            }
            Ok(())
        })?;
    }
}

/// Lets every task go as far as it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
