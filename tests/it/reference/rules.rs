//! The differences on purpose: each has a name, a reason, and a test of what it looks like. Whatever no rule knows is a
//! fault of Ficus, or of the run.

use super::compare::Pair;

/// A kind of difference.
struct Rule {
    name: &'static str,
    /// Why Ficus does it its own way.
    why: &'static str,
    holds: fn(&Pair<'_>) -> bool,
}

const RULES: &[Rule] = &[];

/// The kind of those that the reference does not survive.
pub(super) const ENDED: &str = "ended";

/// The first kind that a difference is of.
pub(super) fn explain(pair: &Pair<'_>) -> Option<&'static str> {
    RULES.iter().find(|rule| (rule.holds)(pair)).map(|rule| rule.name)
}

/// The reason of a kind.
pub(super) fn why(name: &str) -> &'static str {
    RULES
        .iter()
        .find(|rule| rule.name == name)
        .map_or("the reference's process ends; Ficus answers", |rule| rule.why)
}
