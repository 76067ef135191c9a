//! `@skip` and `@include`: part of the plan, decided once per request from the values of variables.

use apollo_compiler::{
    Name,
    ast::{DirectiveList, Value},
};

/// A condition's index in `Plan::conditions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConditionId(pub u16);

/// When something is in the response: when any of these conjunctions holds. Each is a set of variables with the value
/// that they must have; an empty one always holds. No conjunction at all never holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    any: Vec<Vec<(Name, bool)>>,
}

impl Condition {
    /// Always.
    #[must_use]
    pub fn always() -> Self {
        Condition { any: vec![Vec::new()] }
    }

    /// Whether it holds without looking at a variable.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.any.iter().any(Vec::is_empty)
    }

    /// Whether it holds for these values of variables.
    pub fn holds(&self, is_true: impl Fn(&str) -> bool) -> bool {
        self.any.iter().any(|all| all.iter().all(|(name, wanted)| is_true(name) == *wanted))
    }

    /// Narrowed by the `@skip` and `@include` of a selection; none where a literal excludes the selection for good.
    pub(super) fn narrowed(&self, directives: &DirectiveList) -> Option<Self> {
        let mut narrowed = self.clone();
        for (directive, wanted) in [("skip", false), ("include", true)] {
            let argument = directives.get(directive).and_then(|found| found.specified_argument_by_name("if"));
            match argument.map(AsRef::as_ref) {
                Some(Value::Boolean(value)) if *value != wanted => return None,
                Some(Value::Variable(name)) => narrowed.require(name, wanted),
                _ => {}
            }
        }
        (!narrowed.any.is_empty()).then_some(narrowed)
    }

    fn require(&mut self, name: &Name, wanted: bool) {
        self.any.retain_mut(|all| {
            if all.iter().any(|(known, value)| known == name && *value != wanted) {
                return false;
            }
            let literal = (name.clone(), wanted);
            if !all.contains(&literal) {
                all.push(literal);
                all.sort();
            }
            true
        });
    }

    /// Widened by another condition: either holds.
    pub(super) fn or(&mut self, other: &Condition) {
        for all in &other.any {
            if !self.any.contains(all) {
                self.any.push(all.clone());
            }
        }
        if self.is_always() {
            *self = Condition::always();
        }
    }

    /// Never; the beginning of a sum of conditions.
    pub(super) fn never() -> Self {
        Condition { any: Vec::new() }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, all) in self.any.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" or ")?;
            }
            for (index, (name, wanted)) in all.iter().enumerate() {
                let (and, not) = (if index > 0 { " and " } else { "" }, if *wanted { "" } else { "not " });
                write!(formatter, "{and}{not}${name}")?;
            }
        }
        Ok(())
    }
}
