//! Connectors of one type that wait for one another: each needs a field that only the next one gives, so that none of
//! them can ever be asked. (That types hold each other is no circle: they may.)

use std::collections::{HashMap, HashSet};

use apollo_compiler::Name;

use super::{selections::Given, ways::gives};
use crate::{
    connector::{ConnectorId, Kind},
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{
        bind::{Bound, BoundConnector},
        compose::Composed,
    },
    mapping::shape::{Shape, shape},
};

/// Reports each circle once.
pub(super) fn check(composed: &Composed, bound: &Bound, given: &Given, diagnostics: &mut Diagnostics) {
    let mut types: Vec<&Name> = bound.by_field.keys().map(|(ty, _)| ty).chain(bound.by_type.keys()).collect();
    types.sort();
    types.dedup();
    // Of an interface each object type has its own fields and connectors.
    let is_object = |ty: &&Name| composed.schema.get_object(ty).is_some();
    for ty in types.into_iter().filter(is_object).filter(|ty| !given.opaque.contains(*ty)) {
        let there = given.first_hand.iter().filter(|(owner, _)| owner == ty).map(|(_, field)| field.as_str());
        let there: HashSet<&str> = there.collect();
        // Of objects that nothing makes there is nothing to wait for.
        if !there.is_empty() {
            Waiting::of(bound, ty, there).report(diagnostics);
        }
    }
}

/// The connectors of a type that nothing lets run.
struct Waiting<'a> {
    /// Fields that selections give that make the object, one way or another.
    there: HashSet<&'a str>,
    /// In the order written, with what each gives when it has run.
    stuck: Vec<Node<'a>>,
}

struct Node<'a> {
    found: &'a BoundConnector,
    gives: Gives,
}

enum Gives {
    /// A field connector: its field.
    Field(String),
    /// A connector that completes the type: what its selection gives.
    Shape(Shape),
}

impl Node<'_> {
    fn gives(&self, path: &[String]) -> bool {
        match &self.gives {
            Gives::Field(field) => path.first() == Some(field),
            Gives::Shape(shape) => gives(shape, path),
        }
    }

    /// What it reads of the object.
    fn needs(&self) -> &[Vec<String>] {
        let connector = &self.found.connector;
        match connector.kind {
            Kind::Entity { .. } => &connector.inputs.args,
            _ if connector.batch.is_some() => &connector.inputs.batch,
            _ => &connector.inputs.this,
        }
    }
}

impl<'a> Waiting<'a> {
    fn of(bound: &'a Bound, ty: &Name, there: HashSet<&'a str>) -> Self {
        let fields: HashMap<ConnectorId, &Name> = bound
            .by_field
            .iter()
            .filter(|((owner, _), _)| owner == ty)
            .map(|((_, field), id)| (*id, field))
            .collect();
        let completions = bound.by_type.get(ty).into_iter().flatten();
        let mut ids: Vec<ConnectorId> = fields.keys().chain(completions).copied().collect();
        ids.sort();
        ids.dedup();
        let nodes = ids.into_iter().filter_map(|id| {
            let found = bound.connectors.get(id.0 as usize)?;
            let gives = match fields.get(&id) {
                Some(field) => Gives::Field(field.to_string()),
                None => Gives::Shape(shape(&found.connector.selection)),
            };
            Some(Node { found, gives })
        });
        let mut waiting = Waiting { there, stuck: nodes.collect() };
        let mut running: Vec<Node<'a>> = Vec::new();
        loop {
            let (ready, stuck): (Vec<_>, Vec<_>) = std::mem::take(&mut waiting.stuck)
                .into_iter()
                .partition(|node| node.needs().iter().all(|path| waiting.is_had(path, &running)));
            waiting.stuck = stuck;
            if ready.is_empty() {
                return waiting;
            }
            running.extend(ready);
        }
    }

    fn is_had(&self, path: &[String], running: &[Node<'_>]) -> bool {
        let is_there = path.first().is_none_or(|field| self.there.contains(field.as_str()));
        is_there || running.iter().any(|node| node.gives(path))
    }

    fn report(&self, diagnostics: &mut Diagnostics) {
        let mut told = vec![false; self.stuck.len()];
        for start in 0..self.stuck.len() {
            let circle = self.circle(start);
            if circle.iter().any(|index| told.get(*index).copied().unwrap_or(true)) {
                continue;
            }
            circle.iter().for_each(|index| {
                if let Some(told) = told.get_mut(*index) {
                    *told = true;
                }
            });
            if let Some(diagnostic) = self.diagnostic(&circle) {
                diagnostics.push(diagnostic);
            }
        }
    }

    /// From a connector along what it waits for, until it comes back to one that was passed: the circle from there on.
    /// Empty where something is waited for that nothing gives at all, which is another fault.
    fn circle(&self, start: usize) -> Vec<usize> {
        let mut passed = vec![start];
        loop {
            let Some((_, next)) = passed.last().and_then(|last| self.waits_for(*last)) else {
                return Vec::new();
            };
            if let Some(position) = passed.iter().position(|index| *index == next) {
                return passed.split_off(position);
            }
            passed.push(next);
        }
    }

    /// What a connector waits for, and the connector that would give it.
    fn waits_for(&self, index: usize) -> Option<(&[String], usize)> {
        let node = self.stuck.get(index)?;
        node.needs().iter().find_map(|path| {
            let givers = || self.stuck.iter().enumerate().filter(|(_, other)| other.gives(path));
            // That it gives back what it reads is no reason while another gives it.
            let (giver, _) = givers().find(|(giver, _)| *giver != index).or_else(|| givers().next())?;
            Some((path.as_slice(), giver))
        })
    }

    fn diagnostic(&self, circle: &[usize]) -> Option<Diagnostic> {
        let first = self.stuck.get(*circle.first()?)?;
        let steps: Vec<String> = circle
            .iter()
            .filter_map(|index| {
                let coordinate = &self.stuck.get(*index)?.found.connector.coordinate;
                let (path, _) = self.waits_for(*index)?;
                Some(format!("`{coordinate}` reads `{}`", path.join(".")))
            })
            .collect();
        let message = match steps.as_slice() {
            [one] => format!("the connector waits for itself: {one}, which only it gives"),
            several => format!("these connectors wait for one another: {}", several.join(", ")),
        };
        let mut diagnostic =
            Diagnostic::new(Code::CircularReference, first.found.written.place.clone(), message)
                .on(first.found.connector.coordinate.as_str())
                .help("let a selection that makes the object give one of these fields");
        for index in circle.iter().skip(1) {
            let place = self.stuck.get(*index)?.found.written.place.clone();
            diagnostic = diagnostic.also(place, "waits too");
        }
        Some(diagnostic)
    }
}
