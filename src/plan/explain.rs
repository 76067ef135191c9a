//! A plan for people: the fetches of an operation as a tree. Each stands below the fetch whose answer it waits for.

use std::fmt::Write as _;

use super::{CompiledMapping, Plan, Step, StepId};
use crate::connector::{Connector, Join, Kind, Subscribe, Topic};

/// Prints a plan: how many fetches, and each with its connector, its request, what it gives, what it needs and how its
/// requests are batched.
#[must_use]
pub fn explain(plan: &Plan) -> String {
    let fetches = plan.steps.iter().filter(|step| step.connector.request.is_some()).count();
    let word = if fetches == 1 { "fetch" } else { "fetches" };
    let mut text = match plan.subscribe.as_deref() {
        Some(Subscribe::Topic(topic)) => subscription(topic, fetches, word),
        Some(Subscribe::Poll { every }) => format!("subscription: {fetches} {word}, again every {every:?}\n"),
        None if plan.mutation => format!("mutation: {fetches} {word}\n"),
        None => format!("query: {fetches} {word}\n"),
    };
    for (step, id) in plan.steps.iter().zip(0..) {
        if parent(step).is_none() {
            branch(plan, StepId(id), step, 0, &mut text);
        }
    }
    text
}

fn subscription(topic: &Topic, fetches: usize, word: &str) -> String {
    let mut text = format!("subscription: {fetches} {word} for each event of {}\n", topic.name);
    if let Some(filter) = &topic.filter {
        text.push_str(&format!("    where {}\n", filter.text.trim()));
    }
    match &topic.authorize {
        Some(authorize) => {
            let request = request_of(&authorize.connector);
            text.push_str(&format!("    authorized by {request}, every {:?}\n", authorize.every));
        }
        None => text.push_str("    everybody may listen\n"),
    }
    text
}

/// A step stands below the last of the steps that it reads.
fn parent(step: &Step) -> Option<StepId> {
    step.after.iter().max().copied()
}

fn branch(plan: &Plan, id: StepId, step: &Step, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let place = if step.path.is_empty() { String::new() } else { format!("{}.", step.path) };
    let fields = match step.fields.as_slice() {
        // Nobody selected anything of it: another step reads its key there.
        [] => format!("{} (for a key)", step.path),
        [field] => format!("{place}{field}"),
        fields => format!("{place}{{{}}}", fields.join(", ")),
    };
    let only = step.only.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{indent}{fields}{only} <- {}", step.connector.coordinate);
    let _ = writeln!(text, "{indent}    {}", request(plan, step));
    let _ = writeln!(text, "{indent}    {}", calls(step));
    if let Some(when) = step.when.and_then(|id| plan.conditions.get(usize::from(id.0))) {
        let _ = writeln!(text, "{indent}    only if {when}");
    }
    for (other, index) in plan.steps.iter().zip(0..) {
        if parent(other) == Some(id) {
            branch(plan, StepId(index), other, depth + 1, text);
        }
    }
}

fn request(plan: &Plan, step: &Step) -> String {
    if step.connector.request.is_none() {
        let hears = plan.subscribe.as_deref().and_then(Subscribe::topic).is_some();
        let made_of = match step.inputs.is_empty() {
            true if hears && step.after.is_empty() => "made of the event",
            true => "static data",
            false => "made of its parent",
        };
        return format!("no request: {made_of}");
    }
    let read = match step.mapping {
        CompiledMapping::Project { .. } => "projected",
        CompiledMapping::Evaluate(_) => "evaluated",
    };
    format!("{}, {read}", request_of(&step.connector))
}

fn request_of(connector: &Connector) -> String {
    let Some(request) = &connector.request else { return String::new() };
    let source = match connector.source.name.as_str() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    let url: String = request.url.text.split_whitespace().collect();
    format!("{} {url}{source}", request.method)
}

fn calls(step: &Step) -> String {
    if step.connector.request.is_none() {
        return "no call".to_owned();
    }
    let keys: Vec<String> = step.inputs.iter().map(|input| input.path.join(".")).collect();
    let keys = keys.join(", ");
    match (&step.connector.batch, &step.connector.kind) {
        (Some(batch), _) => {
            let size = batch.size_max.map_or_else(String::new, |max| format!(", at most {max} in one"));
            match &batch.join {
                Join::Entity { .. } => format!("one call for all distinct keys ({keys}){size}"),
                Join::GroupBy { item, .. } => {
                    let item: Vec<String> = item.iter().map(|path| path.join(".")).collect();
                    format!(
                        "one call for all distinct parents ({keys}){size}; rows joined by {}",
                        item.join(", ")
                    )
                }
            }
        }
        (None, _) if step.inputs.is_empty() => "one call".to_owned(),
        (None, Kind::Field { .. } | Kind::Type { .. } | Kind::Entity { .. } | Kind::Root { .. }) => {
            format!("one call for each distinct ({keys}): not batched")
        }
    }
}
