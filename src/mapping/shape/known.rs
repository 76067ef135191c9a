//! What is known of a mapping's variables before it runs, by whoever knows the schema and the configuration. Not for what
//! a backend answers: of that nothing is known.

use super::Shape;

/// Tells the shapes of variables. An object whose keys are declared somewhere is [`Shape::Declared`] under a name that
/// only the one who answers needs to understand, so that declarations may hold themselves.
pub trait Known {
    /// What a variable holds, by its name without `$`; [`Shape::Unknown`] where nothing is known.
    fn variable(&self, name: &str) -> Shape;

    /// What a key of a declared object holds; none where it is declared not to have the key.
    fn key(&self, object: &str, key: &str) -> Option<Shape>;
}

/// Nothing but what every mapping can rely on: `$status` is a number.
#[derive(Debug, Clone, Copy)]
pub struct NothingKnown;

impl Known for NothingKnown {
    fn variable(&self, name: &str) -> Shape {
        if name == "status" { Shape::Int } else { Shape::Unknown }
    }

    fn key(&self, _: &str, _: &str) -> Option<Shape> {
        Some(Shape::Unknown)
    }
}
