//! What a mapping says, after parsing: the syntax tree that evaluation, planning and checking share.
//! It holds no behaviour; the grammar is in `parse`, the meaning in `evaluate`.

use std::ops::Range;

/// A range of bytes in the text of the mapping.
pub type Span = Range<usize>;

/// Which grammar of the connect language a mapping is read with (`connect/v0.1` and `v0.2` are read as v0.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grammar {
    /// `connect/v0.3`: literals stand in `$( … )`, `??` and `?!` too.
    V0_3,
    /// `connect/v0.4`: one grammar for selections and literals.
    V0_4,
}

/// A parsed mapping (`JSONSelection`), or the inside of one `{ … }` of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The text as it was written, for messages.
    pub text: String,
    /// What it says.
    pub root: Root,
}

/// The top of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub enum Root {
    /// A list of selections without braces: `id name`. Applied to a list it maps over its elements.
    Selection(SubSelection),
    /// One expression: `$.data`, `"USD"`, `{ a: 1 }`. Evaluated once.
    Expression(Expr),
}

/// `{ … }` after a path, or a whole mapping's list of selections: items that build one object.
#[derive(Debug, Clone, PartialEq)]
pub struct SubSelection {
    /// In the order written.
    pub items: Vec<Item>,
    /// With the braces, where there are braces.
    pub span: Span,
}

/// One item of a selection.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `key`, `key { … }`, `alias: expression`: gives the object one key.
    /// `key` and `key { … }` are read as `key: $.key`, with the head `Head::Key`.
    Named {
        /// The key that is written.
        name: Key,
        /// Its value.
        value: Expr,
    },
    /// `...expression`, or an anonymous path ending in `{ … }`: merges all keys of an object.
    Spread {
        /// The object.
        value: Expr,
        /// True for `...`, false for an anonymous path (whose null is not allowed to nullify the object).
        explicit: bool,
        /// The item.
        span: Span,
    },
}

/// A name in a selection or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Without quotes and escapes.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as its JSON text (`.5` is written `0.5`, `1.` is `1.0`).
    Number(String),
    /// A string literal.
    String(String),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{ a: 1, b }`: an object literal, or a group after an alias. Does not rebind `$`, does not map over lists.
    Object(SubSelection),
    /// A path.
    Path(Path),
    /// `a ?? b ?? c` or `a ?! b`: one operator per chain.
    Chain {
        /// The operator.
        operator: Coalesce,
        /// Two or more.
        operands: Vec<Expr>,
    },
}

/// The two coalescing operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coalesce {
    /// `??`: skips null and missing.
    NullOrMissing,
    /// `?!`: skips missing only.
    Missing,
}

impl Coalesce {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Coalesce::NullOrMissing => "??",
            Coalesce::Missing => "?!",
        }
    }
}

/// A head and the steps taken from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Where the path begins.
    pub head: Head,
    /// In order; `Step::Select` can only be the last.
    pub steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// `$`: the object that the innermost sub-selection is applied to (at the top: the data).
    Dollar,
    /// `@`: the value at hand.
    At,
    /// `$args`, `$this`, or a local variable made by `->as($x)`; the name without `$`.
    Variable(Key),
    /// `key`, which means `$.key`.
    Key(Key),
    /// `$( expression )`, or a literal that steps follow.
    Expr(Box<Expr>),
}

/// A method, by its place in the table of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodId(pub(super) u8);

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `.key`
    Key(Key),
    /// `->name` or `->name(arguments)`
    Method {
        /// The method's name.
        name: Key,
        /// Which method that is; none where no method has the name, and for `->as`.
        method: Option<MethodId>,
        /// Its arguments; empty for none.
        arguments: Vec<Expr>,
        /// From the arrow to the closing parenthesis.
        span: Span,
    },
    /// `?`: null or missing ends the path here, with missing and no problem.
    Optional(Span),
    /// `{ … }`: maps each element of a list; binds `$` and `@` to the object.
    Select(SubSelection),
}
