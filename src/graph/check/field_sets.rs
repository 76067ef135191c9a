//! Federation's field sets (`@key(fields: "id owner { id }")`) as paths.

/// The paths of a field set; none when its braces do not close or it is empty.
pub(super) fn paths(text: &str) -> Option<Vec<Vec<String>>> {
    let spaced = text.replace('{', " { ").replace('}', " } ").replace(',', " ");
    let mut stack: Vec<String> = Vec::new();
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut last: Option<String> = None;
    for token in spaced.split_whitespace() {
        match token {
            "{" => stack.push(last.take()?),
            "}" => {
                finish(&mut found, &stack, last.take());
                stack.pop()?;
            }
            name => {
                finish(&mut found, &stack, last.take());
                last = Some(name.to_owned());
            }
        }
    }
    finish(&mut found, &stack, last);
    (stack.is_empty() && !found.is_empty()).then_some(found)
}

fn finish(found: &mut Vec<Vec<String>>, stack: &[String], last: Option<String>) {
    if let Some(name) = last {
        found.push(stack.iter().cloned().chain([name]).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_nest() {
        let joined = |text: &str| {
            paths(text).map(|paths| paths.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(joined("id").as_deref(), Some("id"));
        assert_eq!(
            joined("id owner{ id, tenant { name } } x").as_deref(),
            Some("id owner.id owner.tenant.name x")
        );
        for wrong in ["", "{ id }", "a { b", "a }"] {
            assert_eq!(joined(wrong), None, "{wrong}");
        }
    }
}
