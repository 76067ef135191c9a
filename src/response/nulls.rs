//! What is written where a value is missing or does not fit: null, and an error that says why, or nothing at all where null may
//! not stand. What becomes of the object around it is `write`'s.

use super::{
    errors::PathSegment,
    leaf::{self, Expected},
    table::{Node, Table},
    write::{Held, Nulled, Writer},
};
use crate::{
    error::{ClientError, Code},
    plan::{Field, Position, Type},
};

impl Writer<'_> {
    pub(super) fn unknown_type(
        &mut self,
        ty: &Type,
        position: &Position,
        field: &Field,
        table: &Table,
        record: u32,
    ) -> Result<(), Nulled> {
        let found = match position.typename.map(|slot| table.slot(record, slot)) {
            Some(Node::String { start, end }) => format!("\"{}\"", leaf::unquoted(table.slice(start, end))),
            Some(node) => leaf::found(table, node).to_owned(),
            None => "null".to_owned(),
        };
        let message = format!(
            "{}: expected __typename to name a type of {}, found {found}.",
            field.coordinate, position.declared
        );
        self.errors.push(&ClientError::new(Code::ValueMismatch, message), &self.path, field.location);
        self.nulled(ty)
    }

    pub(super) fn mismatch(
        &mut self,
        ty: &Type,
        field: &Field,
        expected: Expected,
        held: &Held<'_>,
    ) -> Result<(), Nulled> {
        self.mismatch_of(&field.coordinate, ty, field, expected, held)
    }

    pub(super) fn mismatch_of(
        &mut self,
        coordinate: &str,
        ty: &Type,
        field: &Field,
        expected: Expected,
        held: &Held<'_>,
    ) -> Result<(), Nulled> {
        let found = leaf::found(held.table, held.node);
        let (wanted, help) = expected.describe(found);
        let message = format!("{coordinate}: expected {wanted}, found {found}.{help}");
        self.errors.push(&ClientError::new(Code::ValueMismatch, message), &self.path, field.location);
        self.nulled(ty)
    }

    /// No value, and no error yet.
    pub(super) fn null(&mut self, ty: &Type, field: &Field) -> Result<(), Nulled> {
        self.null_for(ty, field, "nothing")
    }

    pub(super) fn null_for(&mut self, ty: &Type, field: &Field, found: &str) -> Result<(), Nulled> {
        if is_non_null(ty) {
            let expected = match self.path.last() {
                Some(PathSegment::Index(_)) => "a non-null item",
                _ => "a non-null value",
            };
            let message = format!("{}: expected {expected}, found {found}.", field.coordinate);
            self.errors.push(&ClientError::new(Code::NullInNonNull, message), &self.path, field.location);
        }
        self.nulled(ty)
    }

    /// No value, and an error that says why.
    pub(super) fn nulled(&mut self, ty: &Type) -> Result<(), Nulled> {
        if is_non_null(ty) {
            return Err(Nulled);
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }
}

/// Whether null may not stand where this type is.
pub(super) fn is_non_null(ty: &Type) -> bool {
    match ty {
        Type::Named { non_null, .. } | Type::List { non_null, .. } => *non_null,
    }
}
