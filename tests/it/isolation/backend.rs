//! All the backends, in memory: each answers with nothing but the names of whoever its request shows, and says of its answers
//! whatever the seed makes it say: how long they hold, what they vary by, that nothing changed, that all is broken.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use ficus::{
    connector::Source,
    error::Code,
    fetch::{FetchError, Trouble, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use super::world::EVERYBODY;

const CACHE_CONTROL: &[&str] = &[
    "",
    "",
    "public, max-age=1",
    "public, s-maxage=3",
    "max-age=2",
    "public, max-age=0, stale-while-revalidate=2",
    "public, max-age=1, stale-if-error=60",
    "public, no-cache",
    "private, max-age=60",
    "no-store",
    "must-revalidate, max-age=1",
    "public, max-age=31536000, immutable",
];

const VARY: &[&str] = &[
    "",
    "",
    "",
    "authorization",
    "Accept-Language, Cookie",
    "x-tenant",
    "x-request-id",
    "accept-encoding",
    "x-unknown",
    "*",
];

/// The backends.
pub(crate) struct Backend {
    chance: Mutex<StdRng>,
    /// Goes up with every change of any data, and is in every value.
    generation: AtomicU64,
    /// How long a thousandth of a second is here.
    tick: Duration,
    /// Answers that are made for somebody else; none where there is no such fault.
    mistaken: Option<Mistake>,
    sent: AtomicUsize,
}

/// A backend that takes its callers for another one now and then.
pub(crate) struct Mistake {
    /// One of so many answers.
    pub(crate) one_of: u32,
    /// Whom it takes them for.
    pub(crate) other: &'static str,
    /// What is read begins with one of these; anything, writes too, where there are none.
    pub(crate) of: &'static [&'static str],
}

impl Backend {
    pub(crate) fn new(seed: u64, tick: Duration) -> Backend {
        Backend {
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            generation: AtomicU64::new(1),
            tick,
            mistaken: None,
            sent: AtomicUsize::new(0),
        }
    }

    pub(crate) fn mistaking(self, mistake: Mistake) -> Backend {
        Backend { mistaken: Some(mistake), ..self }
    }

    /// Requests that came.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(SeqCst)
    }

    /// Changes everything; what is asked from now on has at least this generation.
    pub(crate) fn change(&self) -> u64 {
        self.generation.fetch_add(1, SeqCst) + 1
    }

    fn chance<T>(&self, choose: impl FnOnce(&mut StdRng) -> T) -> T {
        choose(&mut self.chance.lock().unwrap())
    }

    async fn answer(
        &self,
        source: &Source,
        request: Arc<UpstreamRequest>,
    ) -> Result<UpstreamResponse, FetchError> {
        self.sent.fetch_add(1, SeqCst);
        let fate = self.chance(|chance| chance.random_range(0..1000));
        let before = self.chance(|chance| chance.random_range(0..15));
        tokio::time::sleep(self.tick * before).await;
        let change = request.method == Method::PUT;
        let generation = if change { self.change() } else { self.generation.load(SeqCst) };
        // The data is as it was now; the answer is on its way for a while yet.
        let after = self.chance(|chance| if fate < 30 { 300 } else { chance.random_range(0..15) });
        tokio::time::sleep(self.tick * after).await;
        let mut caller = Caller::of(&request);
        if let Some(other) = self.mistaken(&caller, change) {
            caller.names = vec![other.to_owned()];
        }
        match fate {
            990.. => {
                tokio::time::sleep(source.settings.timeout).await;
                let late = FetchError::new(Code::GatewayTimeout, "too late");
                Err(FetchError { trouble: Some(Trouble::Timeout), ..late })
            }
            980..990 => {
                let broken = FetchError::new(Code::HttpClientError, "broke off");
                Err(FetchError { trouble: Some(Trouble::Connection), ..broken })
            }
            960..980 => Ok(self.refusal(&caller, generation, 500)),
            _ if caller.path[0] == "failing" => Ok(self.refusal(&caller, generation, 422)),
            _ => Ok(self.told(&request, &caller, generation)),
        }
    }

    /// Whom a caller is taken for instead.
    fn mistaken(&self, caller: &Caller, change: bool) -> Option<&'static str> {
        let Mistake { one_of, other, of } = self.mistaken.as_ref()?;
        let is_asked = of.is_empty() || (!change && of.contains(&caller.path[0].as_str()));
        let is_somebody = caller.names != [EVERYBODY];
        (is_asked && is_somebody && self.chance(|chance| chance.random_ratio(1, *one_of))).then_some(other)
    }

    fn refusal(&self, caller: &Caller, generation: u64, status: u16) -> UpstreamResponse {
        let body = json!({ "error": caller.text(generation) });
        let mut response = whole(status, &body);
        self.vary(&mut response, "public, max-age=60");
        response
    }

    fn told(&self, request: &UpstreamRequest, caller: &Caller, generation: u64) -> UpstreamResponse {
        // The same for all callers on purpose: what one of them holds says nothing of what another one does.
        let etag = HeaderValue::try_from(format!("\"{generation}\"")).unwrap();
        let known = request.own_headers.get(&HeaderName::from_static("if-none-match"));
        if known == Some(&etag) && self.chance(|chance| chance.random_bool(0.8)) {
            let mut unchanged = whole(304, &Value::Null);
            unchanged.body = bytes::Bytes::new();
            return unchanged;
        }
        let mut response = whole(200, &caller.body(generation));
        let says = self.chance(|chance| *CACHE_CONTROL.choose(chance).unwrap());
        self.vary(&mut response, says);
        let headers = Arc::make_mut(&mut response.headers);
        if self.chance(|chance| chance.random_bool(0.3)) {
            headers.insert("etag", etag);
        }
        if self.chance(|chance| chance.random_bool(0.02)) {
            headers.insert("set-cookie", HeaderValue::try_from(format!("id={}", caller.names[0])).unwrap());
        }
        response
    }

    fn vary(&self, response: &mut UpstreamResponse, cache_control: &'static str) {
        let vary = self.chance(|chance| *VARY.choose(chance).unwrap());
        let headers = Arc::make_mut(&mut response.headers);
        for (name, value) in [("cache-control", cache_control), ("vary", vary)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    }
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(self.answer(source, request))
    }
}

fn whole(status: u16, body: &Value) -> UpstreamResponse {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    UpstreamResponse::new(StatusCode::from_u16(status).unwrap(), headers, body.to_string().into())
}

/// Whoever a request shows, by all that a source is sent, and what it asks for.
struct Caller {
    /// `["note", "3"]`
    path: Vec<String>,
    /// Values of `id`, `itemId` and `first`.
    asked: Vec<String>,
    /// Every name in the request, in the order of the alphabet; everybody's where there is none.
    names: Vec<String>,
}

impl Caller {
    fn of(request: &UpstreamRequest) -> Caller {
        let url = request.url.replace("%7E", "~");
        let (_, below) = url.split_once("://").unwrap();
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        let mut shown = vec![path.to_owned()];
        shown.extend(request.headers.iter().map(|(_, value)| value.to_str().unwrap().to_owned()));
        shown.extend(request.body.iter().map(|body| String::from_utf8_lossy(body).into_owned()));
        let mut names: BTreeSet<String> =
            shown.iter().flat_map(|text| names(text)).map(str::to_owned).collect();
        // What the source's file says to change nothing changes nothing.
        if path.starts_with("traced/") {
            names.retain(|name| !name.starts_with("~t"));
        }
        if names.is_empty() {
            names.insert(EVERYBODY.to_owned());
        }
        Caller {
            // What is changed by a URL of its own is what others read.
            path: path.split('/').skip(1).filter(|part| *part != "change").map(str::to_owned).collect(),
            asked: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(_, value)| value.to_owned())
                .collect(),
            names: names.into_iter().collect(),
        }
    }

    /// A value that belongs to the caller, every byte of it.
    fn text(&self, generation: u64) -> String {
        value(&self.names, generation, &self.path.join("/"))
    }

    /// One that belongs to what a name of this kind says of the caller.
    fn named(&self, kind: &str, generation: u64) -> String {
        let named: Vec<String> = self.names.iter().filter(|name| name.starts_with(kind)).cloned().collect();
        value(&named, generation, &self.path.join("/"))
    }

    /// The rows that are asked for, in an order of their own.
    fn rows(&self, generation: u64, row: impl Fn(&str, &str) -> Value) -> Value {
        let of = |id: &String| {
            let text = value(&self.names, generation, &format!("{}/{id}", self.path.join("/")));
            row(id, &text)
        };
        match generation % 2 {
            0 => self.asked.iter().map(of).collect(),
            _ => self.asked.iter().rev().map(of).collect(),
        }
    }

    fn body(&self, generation: u64) -> Value {
        let text = self.text(generation);
        let last = self.path.last().map_or("", String::as_str);
        match self.path[0].as_str() {
            "items" => {
                let count = self.asked.first().map_or(3, |first| first.parse().unwrap());
                let items: Vec<Value> =
                    (0..count).map(|id: usize| json!({ "id": id, "name": text })).collect();
                json!({ "items": items })
            }
            _ if self.path.len() > 1 && self.path[0] != "mixed" => {
                // The claim is the caller's name and not what is asked for.
                json!({ "id": if last.contains('~') { "0" } else { last }, "text": text })
            }
            "price" | "stock" | "size" | "rank" | "weight" => {
                self.rows(generation, |id, text| json!({ "id": id, "text": text }))
            }
            "remark" | "order" | "lot" | "review" => self
                .rows(generation, |id, text| json!({ "id": format!("r{id}"), "itemId": id, "token": text })),
            _ => json!({
                "id": last,
                "token": self.named("~u", generation),
                "tenant": self.named("~t", generation),
                "language": self.named("~l", generation),
            }),
        }
    }
}

fn value(names: &[String], generation: u64, of: &str) -> String {
    names.iter().map(|name| format!("<{name} {generation} {of}>")).collect()
}

/// The names in a text: `~u3~`.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.find('~')?;
        let length = rest[from + 1..].find('~')? + 2;
        let name = &rest[from..from + length];
        rest = &rest[from + length..];
        Some(name)
    })
}
