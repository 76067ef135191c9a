//! What an operation's response depends on, and for how long the schema lets it be kept (`@cacheControl`). Without values: how
//! old the answers of backends are, and what they allow, is known only when the plan ran (`execute::caching`).

use std::sync::Arc;

use apollo_compiler::{Name, ast};
use http::HeaderName;

use super::{
    ConditionId, From, Named, Step, StepId, Type,
    collect::concrete_types,
    draft::{FieldDraft, PositionDraft},
    types,
};
use crate::graph::{CacheHint, Graph};

/// How long part of a response may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The step that the part comes from; none where no step gives it.
    pub step: Option<StepId>,
    /// When the part is in the response; none: always.
    pub when: Option<ConditionId>,
    /// Seconds from when a backend gave it.
    pub max_age_s: u32,
    /// By nobody but the client.
    pub private: bool,
}

/// What of a client's request a plan's answer depends on, beside variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Headers, each once.
    pub headers: Arc<[HeaderName]>,
    /// `$request.headers` as a whole: any header may matter.
    pub all_headers: bool,
    /// `$context`.
    pub context: bool,
    /// Headers of backends' answers: `$response.headers`.
    pub response_headers: bool,
    /// Whether any backend is asked.
    pub backends: bool,
}

impl Reads {
    /// What the connectors of these steps read.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut reads = Reads::default();
        let mut headers: Vec<HeaderName> = Vec::new();
        for connector in steps.iter().map(|step| &step.connector) {
            let inputs = &connector.inputs;
            // A name that no header can have is read in vain.
            headers.extend(inputs.client_headers.iter().filter_map(|name| name.parse().ok()));
            reads.all_headers |= inputs.all_client_headers;
            reads.context |= inputs.context;
            reads.response_headers |= inputs.response_headers;
            reads.backends |= connector.request.is_some();
        }
        headers.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        headers.dedup();
        Reads { headers: headers.into(), ..reads }
    }

    /// Whether the answer may be another for another client: anything that says who asks is read.
    #[must_use]
    pub fn identity(&self) -> bool {
        !self.headers.is_empty() || self.all_headers || self.context
    }
}

/// What the schema says of one field of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FieldHint {
    /// None: as long as what it stands in.
    max_age_s: Option<u32>,
    private: bool,
}

/// `@cacheControl` of a field, of the type that it gives and, where that is abstract, of the types that may stand there. Of
/// the field and the type, the field's `maxAge` counts; of the types, the shortest.
pub(super) fn hint(graph: &Graph, parent: &Name, name: &str, ty: &ast::Type, is_root: bool) -> FieldHint {
    let hints = &graph.cache_hints;
    if hints.is_empty() {
        return FieldHint::NOTHING;
    }
    let own = hints.of_field(parent, name).or_else(|| of_interfaces(graph, parent, name)).unwrap_or_default();
    let is_leaf = types::is_leaf(&graph.schema, ty);
    let declared = ty.inner_named_type();
    let concrete = if is_leaf { Vec::new() } else { concrete_types(&graph.schema, declared) };
    let given: Vec<CacheHint> =
        std::iter::once(declared).chain(&concrete).filter_map(|name| hints.of_type(name)).collect();
    let of_types = || given.iter().filter_map(|hint| hint.max_age_s).min();
    let inherits = own.inherits || (own.max_age_s.is_none() && given.iter().any(|hint| hint.inherits));
    let max_age_s = match own.max_age_s {
        Some(seconds) => Some(seconds),
        None if own.inherits => None,
        None => of_types(),
    };
    let stands_alone = is_root || !(is_leaf || inherits);
    FieldHint {
        max_age_s: max_age_s.or(stands_alone.then_some(0)),
        private: own.private || given.iter().any(|hint| hint.private),
    }
}

/// What interfaces say of a field that its own type says nothing of: the strictest.
fn of_interfaces(graph: &Graph, parent: &Name, name: &str) -> Option<CacheHint> {
    let interfaces = &graph.schema.get_object(parent)?.implements_interfaces;
    let hints = interfaces.iter().filter_map(|interface| graph.cache_hints.of_field(&interface.name, name));
    hints.reduce(|a, b| CacheHint {
        max_age_s: match (a.max_age_s, b.max_age_s) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        },
        private: a.private || b.private,
        inherits: a.inherits && b.inherits,
    })
}

/// How long each part of a response may be kept; none where the schema lets nothing of it be kept.
pub(super) fn allowances(
    positions: &[PositionDraft<'_>],
    condition: impl FnMut(&FieldDraft) -> Option<ConditionId>,
) -> Option<Vec<Allowance>> {
    let mut walk = Walk { positions, condition, shortest: vec![None; positions.len()], found: Vec::new() };
    walk.position(0, 0);
    let found = walk.found;
    let is_nothing = |allowance: &Allowance| allowance.max_age_s == 0 && allowance.when.is_none();
    (!found.is_empty() && !found.iter().any(is_nothing)).then_some(found)
}

struct Walk<'w, 'a, C> {
    positions: &'w [PositionDraft<'a>],
    condition: C,
    /// For each position, the shortest time of a field that it stood in.
    shortest: Vec<Option<u32>>,
    found: Vec<Allowance>,
}

impl<C: FnMut(&FieldDraft) -> Option<ConditionId>> Walk<'_, '_, C> {
    fn position(&mut self, index: usize, outer_s: u32) {
        let (Some(position), Some(shortest)) = (self.positions.get(index), self.shortest.get_mut(index))
        else {
            return;
        };
        // Types of an interface may share a position; it is looked at again where it is allowed less.
        if shortest.is_some_and(|known| known <= outer_s) {
            return;
        }
        *shortest = Some(outer_s);
        for field in position.variants.iter().flat_map(|(_, fields)| fields) {
            let step = match field.from {
                // The name of a type is not data.
                From::Typename | From::Nowhere => continue,
                From::Introspection => None,
                From::Slot(_) => position.owner,
                From::Completed(step, _) | From::Fetched(step) => Some(step),
            };
            let max_age_s = field.hint.max_age_s.unwrap_or(outer_s);
            let when = (self.condition)(field);
            self.add(Allowance { step, when, max_age_s, private: field.hint.private });
            if let Some(below) = position_of(&field.ty) {
                self.position(below, max_age_s);
            }
        }
    }

    fn add(&mut self, new: Allowance) {
        match self.found.iter_mut().find(|known| known.step == new.step && known.when == new.when) {
            Some(known) => {
                known.max_age_s = known.max_age_s.min(new.max_age_s);
                known.private |= new.private;
            }
            None => self.found.push(new),
        }
    }
}

fn position_of(ty: &Type) -> Option<usize> {
    match ty {
        Type::List { item, .. } => position_of(item),
        Type::Named { named: Named::Object(position), .. } => Some(position.0 as usize),
        Type::Named { .. } => None,
    }
}

impl FieldHint {
    /// Of what nobody may keep.
    pub(super) const NOTHING: Self = FieldHint { max_age_s: Some(0), private: false };
}
