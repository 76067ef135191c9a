//! Named schemas as a whole: which GraphQL names they have, and who includes whom.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    document::{Document, Located},
    name,
};

/// GraphQL names of all named schemas. Of dotted names the last part does where no other schema claims it.
pub(super) fn names(document: Document<'_>) -> HashMap<String, String> {
    let holders = ["/components/schemas", "/definitions", "/components/responses"];
    let names: Vec<&String> = holders
        .iter()
        .filter_map(|holder| document.root.pointer(holder)?.as_object())
        .flat_map(|schemas| schemas.keys())
        .collect();
    let short = |name: &str| name::type_name(name.rsplit(['.', '/']).next().unwrap_or(name));
    let mut claims: HashMap<String, usize> = HashMap::new();
    names.iter().for_each(|name| *claims.entry(short(name)).or_default() += 1);
    let chosen = |name: &String| {
        let short = short(name);
        let alone = claims.get(&short) == Some(&1) && !short.is_empty() && !short.starts_with("T0");
        if alone { short } else { name::type_name(name) }
    };
    names.iter().map(|name| ((*name).clone(), chosen(name))).collect()
}

/// Who includes whom by `allOf`.
pub(super) fn derived(document: Document<'_>) -> HashMap<String, Vec<Located<'_>>> {
    let mut found: HashMap<String, Vec<Located<'_>>> = HashMap::new();
    for holder in ["#/components/schemas", "#/definitions"] {
        let Ok(schemas) = document.target(holder) else { continue };
        for (name, _) in schemas.value.as_object().into_iter().flatten() {
            let Some(at) = Document::at(&schemas, name) else { continue };
            let parts = at.value.get("allOf").and_then(Value::as_array);
            for target in parts.into_iter().flatten().filter_map(|part| part.get("$ref")?.as_str()) {
                if let Ok(base) = document.target(target) {
                    found.entry(base.pointer).or_default().push(at.clone());
                }
            }
        }
    }
    found
}
