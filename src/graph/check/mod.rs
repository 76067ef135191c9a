//! Checks of the graph as a whole, once everything is bound: selections against the types they fill, keys against the
//! connectors that resolve them, and whether every field that can be asked for comes from somewhere.

mod batches;
mod circles;
mod entities;
mod field_sets;
mod misfits;
mod requestless;
mod resolved;
mod selections;
mod topics;
mod typenames;
mod urls;
mod ways;
mod written;

use super::{bind::Bound, compose::Composed};
use crate::diagnostic::Diagnostics;

/// Reports everything that is wrong with the bound graph.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) {
    entities::check(composed, bound, diagnostics);
    batches::check(composed, bound, diagnostics);
    requestless::check(bound, diagnostics);
    urls::check(composed, bound, diagnostics);
    let before = diagnostics.errors();
    let given = selections::check(composed, bound, diagnostics);
    // A selection that could not be read gives fields that nobody knows: only a graph without faults so far can be asked
    // whether something is missing from it.
    if before == 0 {
        resolved::check(composed, bound, &given, diagnostics);
        circles::check(composed, bound, &given, diagnostics);
    }
    if diagnostics.errors() == 0 {
        ways::check(composed, bound, &given.ways, diagnostics);
        topics::check(composed, bound, diagnostics);
    }
}
