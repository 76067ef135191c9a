//! Random operations against async-graphql's dynamic executor over the same rows: same data, and errors at the same
//! places.
//!
//! `FICUS_SEED` and `FICUS_OPERATIONS` choose another run, or a longer one; a difference prints the seed and the
//! smallest operation found that shows it.

mod model;
mod operations;
mod oracle;
mod rest;

use std::{collections::HashSet, sync::Arc};

use ficus::{
    Gateway,
    execute::{Request, ResponseKind},
};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;

use self::{model::World, operations::Operation, rest::Rest};
use crate::support::{gateway, json};

/// Operations that one world is asked.
const PER_WORLD: u64 = 50;

const CONFIG: &str =
    "limits: { depth: 50, aliases: 1000, root_fields: 1000, fields: 100000, errors: 100000 }";

#[test]
fn random_operations_answer_as_the_oracle_does() {
    let seed = variable("FICUS_SEED", 1);
    let operations = variable("FICUS_OPERATIONS", 2_000);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut refused = 0;
    for seed in seed..seed + operations.div_ceil(PER_WORLD) {
        let mut rng = StdRng::seed_from_u64(seed);
        let world = Arc::new(World::draw(&mut rng));
        let files =
            [("schema/schema.graphql".to_owned(), world.sdl()), ("ficus.yaml".to_owned(), CONFIG.to_owned())];
        let gateway = gateway::from_files(&files, &[], Arc::new(Rest(Arc::clone(&world)))).unwrap();
        let oracle = oracle::schema(&world);
        for _ in 0..PER_WORLD {
            let operation = Operation::draw(&world, &mut rng);
            let compare = |operation: &Operation| runtime.block_on(compare(&gateway, &oracle, operation));
            match compare(&operation) {
                Ok(true) => {}
                Ok(false) => refused += 1,
                Err(_) => {
                    let operation = operation.shrink(|operation| compare(operation).is_err());
                    let difference = compare(&operation).unwrap_err();
                    panic!(
                        "FICUS_SEED={seed}\n{}\n{}\n{difference}\nthe schema: {}",
                        operation.text(),
                        operation.variables(),
                        world.sdl()
                    );
                }
            }
        }
    }
    assert!(refused * 20 <= operations, "{refused} of {operations} operations are not valid");
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// True when both ran it and agree, false when both refuse it.
async fn compare(
    gateway: &Gateway,
    oracle: &async_graphql::dynamic::Schema,
    operation: &Operation,
) -> Result<bool, String> {
    let (query, variables) = (operation.text(), operation.variables());
    let map = variables.as_object().unwrap().clone();
    let response =
        gateway.execute(Request { query: query.clone(), variables: map, ..Request::default() }).await;
    let text = std::str::from_utf8(&response.body).unwrap();
    let verdict = match (oracle::run(oracle, &query, &variables).await, response.kind) {
        (Ok(verdict), ResponseKind::Executed) => verdict,
        (Err(_), kind) if kind != ResponseKind::Executed => return Ok(false),
        (Err(refusal), _) => return Err(format!("refused by the oracle: {refusal}\n{text}")),
        (Ok(_), _) => return Err(format!("refused: {text}")),
    };
    let answer: Value = serde_json::from_str(text).unwrap();
    // A plan has one place for each response key, that of its first selection, also when that one is skipped and a
    // later one is not; there the specification would have the later place.
    let ordered = !query.contains('@');
    let (data, expected) = (data_text(text), json::layout(&verdict.text).unwrap());
    if answer["data"] != verdict.data || (ordered && data != expected) {
        return Err(format!("data:\n{data}\nthe oracle's:\n{expected}\n{text}"));
    }
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let paths = errors.iter().map(|error| error["path"].as_array().map_or(&[][..], Vec::as_slice));
    let nulls: HashSet<String> = paths.map(|path| covering_null(&verdict.data, path)).collect();
    if nulls != verdict.nulls {
        return Err(format!("nulls with errors:\n{nulls:?}\nthe oracle's:\n{:?}\n{text}", verdict.nulls));
    }
    Ok(true)
}

/// `data` of a response, members in order.
fn data_text(response: &str) -> String {
    let json::Json::Object(members) = json::parse(response).unwrap() else { panic!("no object: {response}") };
    let data = members.iter().find(|(key, _)| key == "\"data\"").map(|(_, data)| data.to_string());
    json::layout(&data.unwrap_or_default()).unwrap()
}

/// The null that an error at `path` has led to. Which of several errors below one null are listed is left open by the
/// specification; that each such null has one is not.
fn covering_null(data: &Value, path: &[Value]) -> String {
    let mut at = data;
    for (depth, segment) in path.iter().enumerate() {
        if at.is_null() {
            return Value::from(&path[..depth]).to_string();
        }
        at = match segment {
            Value::String(name) => &at[name],
            index => &at[index.as_u64().unwrap() as usize],
        };
    }
    Value::from(path).to_string()
}
