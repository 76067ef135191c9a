//! Runs the cases of `tests/plan`: the fetches of an operation as `ficus explain` prints them. Nothing is fetched.

use std::sync::Arc;

use ficus::{
    operation::{Document, Rules},
    plan::{explain, plan},
};

use crate::support::{
    case::{Case, Expected, Step, check_folder},
    gateway,
    upstream::MockUpstream,
};

#[test]
fn plans() {
    check_folder("plan", run);
}

fn run(case: &Case) -> Result<Vec<Vec<Expected>>, String> {
    let gateway = gateway::from_files(&case.files, &case.env, Arc::new(MockUpstream::new()))?;
    let graph = gateway.graph();
    let rules = Rules { limits: gateway.config().limits.clone(), introspection: true, suggestions: false };
    let requests = case
        .steps
        .iter()
        .filter_map(|step| if let Step::Request(request) = step { Some(request) } else { None });
    requests
        .map(|request| {
            let document = Document::parse(&request.query, &graph.schema, &rules)
                .map_err(|refusal| format!("{refusal:?}"))?;
            let operation = document
                .operation(request.operation_name.as_deref())
                .map_err(|refusal| format!("{refusal:?}"))?;
            let text = explain(&plan(&graph, document.executable(), operation));
            Ok(vec![("text plan".to_owned(), text.trim_end().to_owned())])
        })
        .collect()
}
