//! Runs the cases of `tests/spec`: a gateway from the files of the case, its requests one after another, and for each
//! the response and the upstream calls that were made for it.

use std::sync::Arc;

use ficus::{
    execute::{Caching, Request, Response, ResponseKind},
    fetch::{CachedUpstream, ResilientUpstream, Upstream},
};

use crate::support::{
    case::{Case, Expected, Step, check_folder, contract},
    gateway,
    json::{self, Json},
    upstream::{Call, MockUpstream},
};

#[test]
fn batching() {
    check_folder("spec/batching", run);
}

#[test]
fn entities() {
    check_folder("spec/entities", run);
}

#[test]
fn errors() {
    check_folder("spec/errors", run);
}

#[test]
fn nullability() {
    check_folder("spec/nullability", run);
}

#[test]
fn leaves() {
    check_folder("spec/leaves", run);
}

#[test]
fn mapping() {
    check_folder("spec/mapping", run);
}

#[test]
fn requests() {
    check_folder("spec/requests", run);
}

#[test]
fn operations() {
    check_folder("spec/operations", run);
}

#[test]
fn debugger() {
    check_folder("spec/debugger", run);
}

/// Each request is sent twice: with the debugger, whose problems are listed, and without, which must change nothing else.
#[test]
fn problems() {
    check_folder("spec/problems", |case| {
        let (plain, debugged) = (run(case)?, run(&case.debugged())?);
        plain.into_iter().zip(debugged).map(|(plain, debugged)| with_problems(plain, debugged)).collect()
    });
}

#[test]
fn abstract_types() {
    check_folder("spec/abstract_types", run);
}

#[test]
fn mutations() {
    check_folder("spec/mutations", run);
}

#[test]
fn limits() {
    check_folder("spec/limits", run);
}

#[test]
fn imported() {
    check_folder("spec/imported", run);
}

#[test]
fn xml() {
    check_folder("spec/xml", run);
}

#[test]
fn caching() {
    check_folder("spec/caching", |case| run_through(case, guarded));
}

#[test]
fn cache_control() {
    check_folder("spec/cache_control", |case| run_through(case, guarded));
}

#[test]
fn resilience() {
    check_folder("spec/resilience", |case| run_through(case, guarded));
}

/// The cache and the guards before the mocks, as `fetch::upstream` puts them before HTTP.
pub(crate) fn guarded(upstream: Arc<MockUpstream>) -> Arc<dyn Upstream> {
    Arc::new(CachedUpstream::new(Arc::new(ResilientUpstream::new(upstream)), 1 << 20))
}

fn run(case: &Case) -> Result<Vec<Vec<Expected>>, String> {
    run_through(case, |upstream| upstream)
}

/// One case from its first request to its last. Time stands still but for waits that nothing else can end, so a
/// deadline passes at once when everything waits for it, and never before.
fn run_through(
    case: &Case,
    through: impl Fn(Arc<MockUpstream>) -> Arc<dyn Upstream>,
) -> Result<Vec<Vec<Expected>>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let upstream = Arc::new(MockUpstream::new());
        let gateway = gateway::from_files(&case.files, &case.env, through(upstream.clone()))?;
        let mut exchanges = Vec::new();
        for step in &case.steps {
            match step {
                Step::Mocks(mocks) => {
                    mocks.iter().for_each(|(call, answers)| upstream.mock(call, answers.clone()));
                }
                Step::Request(request) => {
                    let response = gateway.execute(Request::clone(request)).await;
                    let calls = calls(request, upstream.take_calls());
                    let mut blocks = vec![response_block(&response)?, ("text calls".to_owned(), calls)];
                    blocks.extend(response.caching.as_ref().map(caching_block));
                    exchanges.push(blocks);
                }
                Step::Wait(time) => tokio::time::advance(*time).await,
                _ => return Err("this belongs into spec/subscriptions".to_owned()),
            }
        }
        match upstream.problems() {
            problems if problems.is_empty() => Ok(exchanges),
            problems => {
                let exchanges: String =
                    exchanges.iter().flatten().map(|(info, text)| format!("\n{info}\n{text}")).collect();
                Err(contract(&(problems.join("\n") + &exchanges)))
            }
        }
    })
}

/// The answer to a request, with the problems that the debugger showed of it, a line each.
fn with_problems(plain: Vec<Expected>, debugged: Vec<Expected>) -> Result<Vec<Expected>, String> {
    let mut lines = Vec::new();
    let mut rest = Vec::new();
    for (info, text) in debugged {
        if !info.starts_with("json") {
            rest.push((info, text));
            continue;
        }
        let mut answer = json::parse(&text)?;
        if let Some(Json::Object(mut extensions)) = answer.take("extensions") {
            let debugger = extensions.iter().position(|(key, _)| key == "\"apolloConnectorsDebugging\"");
            if let Some(debugger) = debugger {
                lines.extend(problem_lines(&extensions.remove(debugger).1.to_string())?);
            }
            if let (Json::Object(members), false) = (&mut answer, extensions.is_empty()) {
                members.push(("\"extensions\"".to_owned(), Json::Object(extensions)));
            }
        }
        rest.push((info, json::layout(&answer.to_string())?));
    }
    if rest != plain {
        return Err(format!("the debugger changes the answer\n{plain:#?}\n{rest:#?}"));
    }
    let mut blocks = plain;
    blocks.push(("text problems".to_owned(), lines.join("\n")));
    Ok(blocks)
}

/// `COORDINATE LOCATION [PATH]: MESSAGE (COUNT)`
fn problem_lines(debugger: &str) -> Result<Vec<String>, String> {
    let shown: serde_json::Value = serde_json::from_str(debugger).map_err(|error| error.to_string())?;
    let text = |json: &serde_json::Value| json.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for call in shown["data"].as_array().into_iter().flatten() {
        for problem in call["problems"].as_array().into_iter().flatten() {
            let (details, location) = (&problem["details"], text(&problem["location"]));
            let place = format!("{location} {}", text(&details["path"]));
            let coordinate = text(&call["connector"]["coordinate"]);
            let message = text(&details["message"]);
            lines.push(format!("{coordinate} {}: {message} ({})", place.trim(), details["count"]));
        }
    }
    Ok(lines)
}

pub(crate) fn response_block(response: &Response) -> Result<Expected, String> {
    let info = match response.kind {
        ResponseKind::Executed => "json response".to_owned(),
        ResponseKind::RequestError => "json request error".to_owned(),
        ResponseKind::Refused(status) => format!("json refused {}", status.as_u16()),
    };
    let mut json = json::parse(std::str::from_utf8(&response.body).map_err(|error| error.to_string())?)?;
    sort_errors(&mut json);
    Ok((info, json::layout(&json.to_string())?))
}

/// How the response may be kept, where it may: `Cache-Control`, and which headers of the request it is for.
fn caching_block(caching: &Caching) -> Expected {
    let mut text = caching.to_string();
    if !caching.vary.is_empty() {
        let names: Vec<&str> = caching.vary.iter().map(http::HeaderName::as_str).collect();
        text.push_str(&format!("\nvary: {}", names.join(", ")));
    }
    ("text cache-control".to_owned(), text)
}

/// The order of errors and of their members is nowhere fixed; a case has errors in the order of their paths, and the
/// message first.
pub(crate) fn sort_errors(response: &mut Json) {
    const ORDER: [&str; 4] = ["\"message\"", "\"path\"", "\"locations\"", "\"extensions\""];
    let Json::Object(members) = response else { return };
    for (key, member) in members {
        let ("\"errors\"", Json::List(errors)) = (key.as_str(), member) else { continue };
        for error in errors.iter_mut() {
            if let Json::Object(members) = error {
                members.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key));
            }
        }
        let path = |error: &Json| match error {
            Json::Object(members) => {
                members.iter().find(|(key, _)| key == "\"path\"").map(|(_, path)| path.to_string())
            }
            _ => None,
        };
        errors.sort_by_key(|error| (path(error), error.to_string()));
    }
}

/// The calls, a line each, headers below. Calls that wait for nothing but their inputs are made in any order, so they
/// are sorted; only where a mutation orders them do they stand as they were made, reads between two writes sorted.
pub(crate) fn calls(request: &Request, mut calls: Vec<Call>) -> String {
    let mutation = request.query.contains("mutation");
    let write = |call: &Call| mutation && !call.line.starts_with("GET ");
    for reads in calls.split_mut(write) {
        reads.sort();
    }
    let mut text = Vec::new();
    for call in &calls {
        let mut line = call.line.clone();
        if write(call) && !call.during.is_empty() {
            line = format!("{line} (sent before the answer to {})", call.during.join(", "));
        }
        text.push(line);
        text.extend(call.headers.iter().map(|header| format!("  {header}")));
    }
    text.join("\n")
}
