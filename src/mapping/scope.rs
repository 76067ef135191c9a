//! Where an evaluation stands: what `$`, `@` and the locals stand for, and the way that led there.

use super::{
    ast::{Head, Path, Step},
    value::Value,
};

/// What `$`, `@` and the locals stand for at one place, and the way that led there.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) dollar: Value<'a>,
    pub(super) at: Value<'a>,
    locals: Option<&'a Local<'a>>,
    /// The way to `@`.
    pub(super) trail: Option<&'s Trail<'s, 'a>>,
    /// The way to `$`.
    dollar_trail: Option<&'s Trail<'s, 'a>>,
}

/// Variables bound by `->as($name)`, the latest first.
pub(super) struct Local<'a> {
    name: &'a str,
    value: Option<Value<'a>>,
    next: Option<&'a Local<'a>>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The top of a mapping.
    pub(super) fn top(data: Value<'a>) -> Self {
        Scope { dollar: data, at: data, locals: None, trail: None, dollar_trail: None }
    }

    /// Another value at hand, which the same way led to.
    pub(super) fn at(self, at: Value<'a>) -> Self {
        Scope { at, ..self }
    }

    /// Within `{ … }` that is applied to a value.
    pub(super) fn within(self, value: Value<'a>) -> Self {
        Scope { dollar: value, at: value, dollar_trail: self.trail, ..self }
    }

    /// Further on the way.
    pub(super) fn on<'t>(self, trail: &'t Trail<'t, 'a>) -> Scope<'t, 'a>
    where
        's: 't,
    {
        Scope { trail: Some(trail), ..self }
    }

    /// Where a path with this head begins.
    pub(super) fn at_head(self, head: &Head) -> Self {
        let trail = match head {
            Head::Dollar | Head::Key(_) => self.dollar_trail,
            Head::At | Head::Expr(_) => self.trail,
            Head::Variable(_) => None,
        };
        Scope { trail, ..self }
    }

    /// With one more local; `local` is [`Scope::local`]'s to make.
    pub(super) fn with(self, local: &'a Local<'a>) -> Self {
        Scope { locals: Some(local), ..self }
    }

    /// A local to be added; its value may be missing.
    pub(super) fn local(&self, name: &'a str, value: Option<Value<'a>>) -> Local<'a> {
        Local { name, value, next: self.locals }
    }

    /// A local variable's value: none where no local has the name, `Some(None)` where it was bound to missing.
    pub(super) fn lookup(&self, name: &str) -> Option<Option<Value<'a>>> {
        let mut locals = self.locals;
        while let Some(local) = locals {
            if local.name == name {
                return Some(local.value);
            }
            locals = local.next;
        }
        None
    }
}

/// The way that led to a place, for the paths of problems. Costs nothing until a problem is written down.
#[derive(Clone, Copy)]
pub(super) struct Trail<'s, 'a> {
    parent: Option<&'s Trail<'s, 'a>>,
    way: Way<'a>,
}

#[derive(Clone, Copy)]
enum Way<'a> {
    /// Segments of a path, from and up to: 0 is its head, 1 its first step.
    Path(&'a Path, usize, usize),
    /// A key of an object that is being merged.
    Key(&'a str),
    /// To an element of a list.
    Element,
}

impl<'s, 'a> Trail<'s, 'a> {
    /// An element of the list at `parent`.
    pub(super) fn element(parent: Option<&'s Trail<'s, 'a>>) -> Self {
        Trail { parent, way: Way::Element }
    }

    /// A key of the object at `parent`.
    pub(super) fn key(parent: Option<&'s Trail<'s, 'a>>, key: &'a str) -> Self {
        Trail { parent, way: Way::Key(key) }
    }

    /// Segments of a path that starts at `parent`: 0 is its head, 1 its first step; without `to`.
    pub(super) fn path(parent: Option<&'s Trail<'s, 'a>>, path: &'a Path, from: usize, to: usize) -> Self {
        Trail { parent, way: Way::Path(path, from, to) }
    }

    /// Appends the way's keys and methods, with `@` for the elements of lists.
    pub(super) fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.way {
            Way::Key(key) => push_segment(out, key),
            Way::Element => push_segment(out, "@"),
            Way::Path(path, from, to) => {
                if from == 0 && to > 0 {
                    write_head(&path.head, out);
                }
                let taken = path.steps.iter().take(to.saturating_sub(1));
                taken.skip(from.saturating_sub(1)).for_each(|step| write_step(step, out));
            }
        }
    }
}

fn write_head(head: &Head, out: &mut String) {
    match head {
        Head::Key(key) => push_segment(out, &key.name),
        Head::Variable(name) => push_segment(out, &format!("${}", name.name)),
        Head::Dollar | Head::At | Head::Expr(_) => {}
    }
}

fn write_step(step: &Step, out: &mut String) {
    match step {
        Step::Key(key) => push_segment(out, &key.name),
        Step::Method { name, .. } => {
            out.push_str("->");
            out.push_str(&name.name);
        }
        Step::Optional(_) | Step::Select(_) => {}
    }
}

fn push_segment(out: &mut String, segment: &str) {
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(segment);
}
