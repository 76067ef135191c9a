//! `@cacheControl`: for how long, and for whom, a response may be kept that holds something. Read from the composed schema,
//! before clients' view of it loses the directive. What it makes of a whole operation is `plan::caching`'s affair.

use std::collections::HashMap;

use apollo_compiler::{
    Name, Node,
    ast::{Directive, FieldDefinition, Value},
    schema::ExtendedType,
};

use super::{compose::Composed, files::SchemaFiles};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// The directive's name.
const CACHE_CONTROL: &str = "cacheControl";

/// What one `@cacheControl` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheHint {
    /// `maxAge`, in seconds.
    pub max_age_s: Option<u32>,
    /// `scope: PRIVATE`.
    pub private: bool,
    /// `inheritMaxAge: true`: as long as what it stands in.
    pub inherits: bool,
}

/// Every `@cacheControl` of a schema.
#[derive(Debug, Default)]
pub struct CacheHints {
    types: HashMap<Name, CacheHint>,
    fields: HashMap<Name, HashMap<Name, CacheHint>>,
}

impl CacheHints {
    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && self.fields.is_empty()
    }

    /// That of a type itself.
    #[must_use]
    pub fn of_type(&self, name: &Name) -> Option<CacheHint> {
        self.types.get(name).copied()
    }

    /// That of a field where its type declares it; not of the type that it gives.
    #[must_use]
    pub fn of_field(&self, parent: &Name, field: &str) -> Option<CacheHint> {
        self.fields.get(parent)?.get(field).copied()
    }

    /// Reads all of them. Those that say what cannot be are reported.
    pub(super) fn read(composed: &Composed, diagnostics: &mut Diagnostics) -> Self {
        let mut hints = CacheHints::default();
        for (name, ty) in &composed.schema.types {
            let mut reader = Reader { files: &composed.files, diagnostics };
            if let Some(found) = ty.directives().get(CACHE_CONTROL) {
                hints.types.insert(name.clone(), reader.hint(&found.node, name.as_str()));
            }
            match ty {
                ExtendedType::Object(object) => {
                    reader.fields(name, object.fields.values().map(|field| &field.node), &mut hints);
                }
                ExtendedType::Interface(interface) => {
                    reader.fields(name, interface.fields.values().map(|field| &field.node), &mut hints);
                }
                _ => {}
            }
        }
        hints
    }
}

struct Reader<'a> {
    files: &'a SchemaFiles,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn fields<'f>(
        &mut self,
        parent: &Name,
        fields: impl Iterator<Item = &'f Node<FieldDefinition>>,
        hints: &mut CacheHints,
    ) {
        for field in fields {
            let Some(found) = field.directives.get(CACHE_CONTROL) else { continue };
            let hint = self.hint(found, &format!("{parent}.{}", field.name));
            hints.fields.entry(parent.clone()).or_default().insert(field.name.clone(), hint);
        }
    }

    fn hint(&mut self, directive: &Node<Directive>, coordinate: &str) -> CacheHint {
        let value = |name: &str| directive.specified_argument_by_name(name);
        let written = value("maxAge").and_then(|value| value.to_i32());
        let private =
            value("scope").is_some_and(|value| matches!(&**value, Value::Enum(name) if name == "PRIVATE"));
        let inherits = value("inheritMaxAge").and_then(|value| value.to_bool()).unwrap_or(false);
        let max_age_s = written.map(|seconds| u32::try_from(seconds).unwrap_or(0));
        if let Some(seconds) = written.filter(|seconds| *seconds < 0) {
            let message = format!("`maxAge` is {seconds}: it is a number of seconds from 0 on");
            self.refuse(
                directive,
                coordinate,
                message,
                "write how long a response may be kept, 0 for not at all",
            );
        }
        if inherits && written.is_some() {
            let message = "`maxAge` and `inheritMaxAge` say two things".to_owned();
            self.refuse(directive, coordinate, message, "keep one of them");
        }
        CacheHint { max_age_s, private, inherits }
    }

    fn refuse(&mut self, directive: &Node<Directive>, coordinate: &str, message: String, help: &'static str) {
        let place = self.files.place(directive.location());
        self.diagnostics.push(Diagnostic::new(Code::InvalidValue, place, message).on(coordinate).help(help));
    }
}
