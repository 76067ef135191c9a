//! The differential run against the reference implementation of the connect language, as a black box: the same schema, the
//! same backend, the same operations; data, errors and the requests to the backend are compared. `tests/reference/run.sh`
//! starts it; it is ignored in `cargo test`, which has neither Node nor the reference.

mod compare;
mod entities;
mod generate;
mod router;
mod rules;
mod upstream;
mod words;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use ficus::{
    Gateway,
    diagnostic::Diagnostic,
    execute::Request,
    fetch::HttpUpstream,
    graph::{Loaded, Sources, load_sources},
    mapping::ast::Grammar,
};
use serde_json::Value as Json;

use self::{
    compare::{Outcome, Report, There},
    generate::{Triple, triples},
    router::{Reference, Running},
    upstream::Backend,
};

/// Triples in one schema.
const CHUNK: usize = 250;

#[test]
#[ignore = "needs Node and the reference: tests/reference/run.sh"]
fn ficus_and_the_reference_agree() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (seed, count) = (number("FICUS_SEED", 1), number("FICUS_TRIPLES", 2500));
    // Nothing here speaks TLS, but the client wants to know how it would.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reference = Reference::find().expect("FICUS_ROUTER must name the reference");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let mut report = Report::default();
        let (backend, address) = Backend::start().await;
        let all = triples(seed, usize::try_from(count).unwrap());
        for grammar in [Grammar::V0_3, Grammar::V0_4] {
            let of_grammar: Vec<Triple> =
                all.iter().filter(|triple| triple.grammar == grammar).cloned().collect();
            for chunk in of_grammar.chunks(CHUNK) {
                run(&reference, &backend, &address.to_string(), chunk.to_vec(), &mut report).await;
            }
        }
        report
    });
    let text = format!("seed {seed}, {count} triples\n{}", report.text());
    if let Some(path) = std::env::var_os("FICUS_REPORT") {
        std::fs::write(path, &text).unwrap();
    }
    if let Some(path) = std::env::var_os("FICUS_DIFFERENCES") {
        std::fs::write(path, report.details()).unwrap();
    }
    assert_eq!(report.unexplained(), 0, "{text}");
}

/// A generator that makes what nobody accepts would compare nothing.
#[test]
fn most_of_what_is_generated_loads() {
    let all = triples(1, 400);
    for grammar in [Grammar::V0_3, Grammar::V0_4] {
        let mut chunk: Vec<Triple> = all.iter().filter(|triple| triple.grammar == grammar).cloned().collect();
        let before = chunk.len();
        let mut report = Report::default();
        let (_, refused) = accepted(&mut chunk, "127.0.0.1:1", &mut report);
        // Each is refused for a reason that is written down.
        assert_eq!(report.unexplained(), 0, "{}", report.details());
        assert_eq!(refused.len() + chunk.len(), before);
        // What can never work is refused, and some of what is generated never can.
        assert!(chunk.len() * 10 > before * 8, "{} of {before}\n{}", chunk.len(), report.details());
    }
}

/// Loads what Ficus takes; the others leave the chunk, and are given back.
fn accepted(chunk: &mut Vec<Triple>, address: &str, report: &mut Report) -> (Loaded, Vec<Refused>) {
    let mut refused = Vec::new();
    loop {
        match load(&schema(chunk, address)) {
            Ok(loaded) => return (loaded, refused),
            Err(found) => {
                let before = refused.len();
                chunk.retain(|triple| {
                    let Some(why) = refusal(&found, triple) else { return true };
                    let kind = report.refused_by_ficus(triple, &why);
                    refused.push(Refused { triple: triple.clone(), kind });
                    false
                });
                assert!(refused.len() > before, "{}", ficus::diagnostic::render(&found, false));
            }
        }
    }
}

/// A triple that Ficus does not load.
struct Refused {
    triple: Triple,
    /// The rule that says why; none where no rule does.
    kind: Option<&'static str>,
}

/// What the reference, which takes a mapping as it is, answers to the triples that Ficus refuses.
async fn refused_there(
    reference: &Reference,
    backend: &Backend,
    address: &str,
    refused: Vec<Refused>,
    report: &mut Report,
) {
    let kinds: BTreeMap<String, _> =
        refused.iter().map(|refused| (refused.triple.name.clone(), refused.kind)).collect();
    let mut left: Vec<Triple> = refused.into_iter().map(|refused| refused.triple).collect();
    if left.is_empty() {
        return;
    }
    let (mut running, rejected) = start(reference, &mut left, address).await;
    for (triple, _) in rejected {
        report.there(kinds[&triple.name], There::Refused);
    }
    backend.know(&left);
    for index in 0..left.len() {
        let triple = &left[index];
        let there = match running.ask(triple).await {
            Some(answer) => {
                let nothing = match &answer["data"] {
                    Json::Object(fields) => fields.values().all(Json::is_null),
                    data => data.is_null(),
                };
                if nothing { There::Null } else { There::Value(answer["data"].to_string()) }
            }
            None => {
                (running, _) = start(reference, &mut left.clone(), address).await;
                There::Ended
            }
        };
        report.refusal_seen(triple, &there);
        report.there(kinds[&triple.name], there);
    }
    running.stop().await;
}

/// Runs one schema's triples through both.
async fn run(
    reference: &Reference,
    backend: &Backend,
    address: &str,
    mut chunk: Vec<Triple>,
    report: &mut Report,
) {
    let (loaded, refused) = accepted(&mut chunk, address, report);
    let (mut running, rejected) = start(reference, &mut chunk, address).await;
    for (triple, why) in rejected {
        report.refused_by_reference(&triple, &why);
    }
    backend.know(&chunk);
    let gateway = Gateway::new(loaded.graph, loaded.config, Arc::new(HttpUpstream::new().unwrap()));
    for triple in &chunk {
        let _ = backend.take_calls();
        let ours = Outcome::new(ask(&gateway, triple).await, backend.take_calls());
        match running.ask(triple).await {
            Some(answer) => report.compare(triple, ours, Outcome::new(answer, backend.take_calls())),
            None => {
                report.ended_by(triple, &ours);
                (running, _) = start(reference, &mut chunk.clone(), address).await;
            }
        }
    }
    running.stop().await;
    refused_there(reference, backend, address, refused, report).await;
}

/// Starts the reference on as many of the triples as it takes; the others leave the chunk.
async fn start(
    reference: &Reference,
    chunk: &mut Vec<Triple>,
    address: &str,
) -> (Running, Vec<(Triple, String)>) {
    let mut rejected = Vec::new();
    loop {
        let why = match try_start(reference, chunk, address).await {
            Ok(running) => return (running, rejected),
            Err(why) => why,
        };
        let mut named: Vec<usize> =
            (0..chunk.len()).filter(|index| mentions(&why, &chunk[*index].name)).collect();
        if named.is_empty() {
            named.push(culprit(reference, chunk, address).await);
        }
        for index in named.into_iter().rev() {
            let about = |line: &&str| mentions(line, &chunk[index].name);
            let line = why.lines().find(about).or(why.lines().last()).unwrap_or_default().to_owned();
            rejected.push((chunk.remove(index), line));
        }
    }
}

async fn try_start(reference: &Reference, chunk: &[Triple], address: &str) -> Result<Running, String> {
    let supergraph = reference.compose(&schema(chunk, address)).await?;
    reference.start(&supergraph).await
}

/// Which triple the reference does not start with, where it does not say so: it is in the half that does not start.
async fn culprit(reference: &Reference, chunk: &[Triple], address: &str) -> usize {
    let (mut from, mut to) = (0, chunk.len());
    while to - from > 1 {
        let middle = from.midpoint(to);
        match try_start(reference, &chunk[from..middle], address).await {
            Ok(running) => {
                running.stop().await;
                from = middle;
            }
            Err(_) => to = middle,
        }
    }
    from
}

/// Whether a message speaks of a triple: `Query.c17`, `Tc17.a`.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !after.is_some_and(|next| next.is_ascii_digit())
            && !before.is_some_and(|previous| previous.is_ascii_lowercase() || previous.is_ascii_digit())
    })
}

fn refusal(found: &[Diagnostic], triple: &Triple) -> Option<String> {
    let about = |diagnostic: &&Diagnostic| {
        diagnostic.is_error()
            && (diagnostic.coordinate.as_deref().is_some_and(|at| mentions(at, &triple.name))
                || mentions(&diagnostic.message, &triple.name)
                || mentions(&diagnostic.place.excerpt, &triple.name))
    };
    found.iter().find(about).map(|diagnostic| format!("{}: {}", diagnostic.code.as_str(), diagnostic.message))
}

fn load(schema: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load_sources(&Sources {
        schema: vec![("schema/all.graphql".to_owned(), schema.to_owned())],
        ..Sources::default()
    })
}

/// The schema of all triples; a field stands on a line of its own.
fn schema(chunk: &[Triple], address: &str) -> String {
    let version =
        if chunk.first().is_some_and(|triple| triple.grammar == Grammar::V0_3) { "0.3" } else { "0.4" };
    let mut text = format!(
        r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v{version}", import: ["@source", "@connect"])
  @source(name: "up", http: {{baseURL: "http://{address}/base"}})
  @source(
    name: "fancy"
    http: {{
      baseURL: "http://{address}/base/v1/?key=1"
      headers: [{{name: "x-fancy", value: "source"}}, {{name: "x-only-source", value: "s"}}, {{name: "x-client", from: "x-client"}}]
      path: "$(['seg', 'a b'])"
      queryParams: "q: $('s') none: $(null)"
    }}
    errors: {{message: "$.error.text", extensions: "source: $('fancy')"}}
    isSuccess: "$status->lt(500)"
  )
scalar JSON
type Query {{
  plain: JSON @connect(source: "up", http: {{GET: "/plain"}}, selection: "$")
  alsoFancy: JSON @connect(source: "fancy", http: {{GET: "/plain"}}, selection: "$")
"#
    );
    for triple in chunk {
        writeln!(text, "  {}", triple.fields).unwrap();
    }
    text.push_str("}\n");
    if chunk.iter().any(|triple| !triple.mutation.is_empty()) {
        text.push_str("type Mutation {\n");
        for triple in chunk {
            writeln!(text, "  {}", triple.mutation).unwrap();
        }
        text.push_str("}\n");
    }
    for triple in chunk {
        writeln!(text, "{}", triple.types).unwrap();
    }
    text
}

async fn ask(gateway: &Gateway, triple: &Triple) -> Json {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &triple.headers {
        headers.append(http::HeaderName::try_from(name.as_str()).unwrap(), value.parse().unwrap());
    }
    let variables = triple.variables.as_object().cloned().unwrap_or_default();
    let request =
        Request { query: triple.operation.clone(), variables, headers: Some(headers), ..Request::default() };
    serde_json::from_slice(&gateway.execute(request).await.body).unwrap()
}
