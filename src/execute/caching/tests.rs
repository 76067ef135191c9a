//! Whatever is selected, whatever backends say and however old it is: a response is never kept longer than one of its parts may be,
//! nor by more people.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;

use crate::{
    connector::Source,
    execute::{Gateway, Request},
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};

/// A root field, its backend's answer, and whether it is selected.
#[derive(Debug, Clone)]
struct Part {
    max_age_s: Option<u32>,
    private: bool,
    reads_header: bool,
    /// `max-age` of the answer.
    stated_s: Option<u64>,
    says_private: bool,
    says_no_store: bool,
    age_s: u64,
    ttl_s: Option<u64>,
    is_selected: bool,
}

fn part() -> impl Strategy<Value = Part> {
    let seldom = || prop::bool::weighted(0.1);
    let seconds = || prop::option::weighted(0.4, 1_u64..200);
    let schema = (prop::option::weighted(0.9, 1_u32..200), seldom(), seldom());
    let answer = (seconds(), seldom(), seldom(), 0_u64..60, seconds(), any::<bool>());
    (schema, answer).prop_map(|((max_age_s, private, reads_header), answer)| {
        let (stated_s, says_private, says_no_store, age_s, ttl_s, is_selected) = answer;
        Part {
            max_age_s,
            private,
            reads_header,
            stated_s,
            says_private,
            says_no_store,
            age_s,
            ttl_s,
            is_selected,
        }
    })
}

impl Part {
    /// The longest that a response with it may be kept.
    fn allows_s(&self) -> u64 {
        let left = |seconds: u64| seconds.saturating_sub(self.age_s);
        let by_schema = self.max_age_s.map_or(0, |seconds| left(seconds.into()));
        let by_answer = self.stated_s.max(self.ttl_s).map_or(u64::MAX, left);
        if self.says_no_store { 0 } else { by_schema.min(by_answer) }
    }

    fn is_private(&self) -> bool {
        self.private || self.reads_header || self.says_private
    }
}

/// Answers for the part whose number its path ends with.
struct Backend(Vec<Part>);

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let number = request.url.rsplit('/').next().unwrap();
        let part = &self.0[number.parse::<usize>().unwrap()];
        let mut says: Vec<String> =
            part.stated_s.map(|seconds| format!("max-age={seconds}")).into_iter().collect();
        says.extend(part.says_private.then(|| "private".to_owned()));
        says.extend(part.says_no_store.then(|| "no-store".to_owned()));
        let mut headers = HeaderMap::new();
        if !says.is_empty() {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_str(&says.join(", ")).unwrap());
        }
        let age = Some(Duration::from_secs(part.age_s));
        let response = UpstreamResponse::new(StatusCode::OK, headers, "1".into());
        Box::pin(async move { Ok(UpstreamResponse { age, ..response }) })
    }
}

fn gateway(parts: &[Part]) -> Gateway {
    let mut schema = "type Query {\n".to_owned();
    let mut connectors = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let headers = if part.reads_header { r#", headers: [{name: "x-a", from: "x-a"}]"# } else { "" };
        let max_age = part.max_age_s.map(|seconds| format!("maxAge: {seconds}"));
        let scope = part.private.then(|| "scope: PRIVATE".to_owned());
        let says: Vec<String> = max_age.into_iter().chain(scope).collect();
        let says =
            if says.is_empty() { String::new() } else { format!("@cacheControl({})", says.join(", ")) };
        schema.push_str(&format!(
            "f{number}: Int @connect(source: \"s{number}\", http: {{GET: \"/{number}\"{headers}}}, selection: \"$\") {says}\n"
        ));
        let cache = part.ttl_s.map_or(String::new(), |seconds| format!("cache: {{ ttl: {seconds}s }}\n"));
        connectors.push((format!("connectors/s{number}.yaml"), format!("base_url: http://api\n{cache}")));
    }
    schema.push('}');
    let sources = Sources {
        schema: vec![("schema/schema.graphql".to_owned(), schema)],
        connectors,
        ..Sources::default()
    };
    let loaded = load_sources(&sources).unwrap_or_else(|found| panic!("{found:?}"));
    Gateway::new(loaded.graph, loaded.config, Arc::new(Backend(parts.to_vec())))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_part_is_kept_longer_than_it_allows(mut parts in prop::collection::vec(part(), 1..5)) {
        parts[0].is_selected = true;
        let gateway = gateway(&parts);
        let selected: Vec<(usize, &Part)> = parts.iter().enumerate().filter(|(_, part)| part.is_selected).collect();
        let query: String = selected.iter().map(|(number, _)| format!("f{number} ")).collect();
        let request = Request {
            query: format!("{{ {query} }}"),
            headers: Some(HeaderMap::new()),
            ..Request::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let caching = runtime.block_on(gateway.execute(request)).caching;
        for (_, part) in &selected {
            if let Some(caching) = &caching {
                prop_assert!(caching.max_age_s <= part.allows_s(), "{caching} and {part:?}");
                prop_assert!(caching.private || !part.is_private(), "{caching} and {part:?}");
            }
        }
        // Nor is it thrown away without a reason.
        let expected = selected.iter().map(|(_, part)| part.allows_s()).min();
        prop_assert_eq!(caching.as_ref().map_or(0, |caching| caching.max_age_s), expected.unwrap());
        let is_private = selected.iter().any(|(_, part)| part.is_private());
        prop_assert!(caching.is_none_or(|caching| caching.private == is_private));
    }
}
