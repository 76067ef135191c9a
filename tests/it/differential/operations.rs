//! Random operations over a world's types: valid by construction, and made smaller once one has shown a difference.

use std::fmt::Write as _;

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::model::{World, arguments};

/// A selection.
#[derive(Debug, Clone)]
enum Node {
    Field { head: String, directive: String, below: Vec<Node> },
    Inline { on: String, directive: String, below: Vec<Node> },
    Spread { fragment: usize, directive: String },
}

#[derive(Debug, Clone)]
struct Fragment {
    on: &'static str,
    below: Vec<Node>,
}

/// A query operation with its fragments.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    selections: Vec<Node>,
    fragments: Vec<Fragment>,
    variables: Value,
}

/// Variables that an operation may use: `(name, type)`.
const VARIABLES: &[(&str, &str)] = &[
    ("yes", "Boolean!"),
    ("no", "Boolean = false"),
    ("n", "Int!"),
    ("id", "ID!"),
    ("kind", "Kind"),
    ("filter", "Filter"),
];

/// Fields that every object selected has one of.
const PLAIN: &[&str] = &["__typename", "id", "zip", "lat"];

struct Generator<'a> {
    world: &'a World,
    rng: &'a mut StdRng,
    fragments: Vec<Fragment>,
    aliases: u32,
    /// Selections that may still be made.
    budget: u32,
}

impl Operation {
    pub(super) fn draw(world: &World, rng: &mut StdRng) -> Self {
        let mut variables =
            json!({"yes": true, "n": rng.random_range(0..5), "id": rng.random_range(1..10), "kind": "NEW"});
        if rng.random_bool(0.5) {
            variables["no"] = json!(rng.random_bool(0.3));
        }
        if rng.random_bool(0.5) {
            variables["filter"] =
                json!({"size": 3, "kinds": ["OLD", "NEW"], "inner": {"size": 1, "name": "é"}});
        }
        let mut generator = Generator { world, rng, fragments: Vec::new(), aliases: 0, budget: 25 };
        let selections = generator.selections("Query", 6);
        Operation { selections, fragments: generator.fragments, variables }
    }

    /// The document. Only fragments and variables in use are defined.
    pub(super) fn text(&self) -> String {
        let mut body = String::from("{");
        let mut used = vec![false; self.fragments.len()];
        write_nodes(&self.selections, &mut body, &mut used);
        body.push_str("}\n");
        // A fragment spreads only those made before it.
        for index in (0..self.fragments.len()).rev() {
            if used[index] {
                let Fragment { on, below } = &self.fragments[index];
                write!(body, "fragment F{index} on {on} {{").unwrap();
                write_nodes(below, &mut body, &mut used);
                body.push_str("}\n");
            }
        }
        let variables: Vec<String> =
            self.used_variables(&body).map(|(name, ty)| format!("${name}: {ty}")).collect();
        if variables.is_empty() { body } else { format!("query ({}) {body}", variables.join(", ")) }
    }

    pub(super) fn variables(&self) -> Value {
        let text = self.text();
        let used: Vec<_> = self.used_variables(&text).map(|(name, _)| name).collect();
        let variables = self.variables.as_object().unwrap().clone();
        variables.into_iter().filter(|(name, _)| used.contains(&&**name)).collect()
    }

    fn used_variables<'a>(&self, text: &'a str) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
        let is_used = |text: &str, name: &str| {
            text.match_indices(&format!("${name}"))
                .any(|(at, found)| !text[at + found.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        VARIABLES.iter().copied().filter(move |(name, _)| is_used(text, name))
    }

    /// The operation without one of its selections, counted in the order written; none beyond the last.
    fn without(&self, mut index: usize) -> Option<Self> {
        let mut smaller = self.clone();
        let removed = remove(&mut smaller.selections, &mut index)
            || smaller.fragments.iter_mut().any(|fragment| remove(&mut fragment.below, &mut index));
        removed.then_some(smaller)
    }

    /// The smallest operation got by taking selections away that still differs.
    pub(super) fn shrink(mut self, differs: impl Fn(&Operation) -> bool) -> Self {
        let mut index = 0;
        while let Some(smaller) = self.without(index) {
            if differs(&smaller) {
                self = smaller;
            } else {
                index += 1;
            }
        }
        self
    }
}

/// Takes a node away, counted in the order written. What is plain stays: the oracle knows no object without fields.
fn remove(nodes: &mut Vec<Node>, index: &mut usize) -> bool {
    for at in 0..nodes.len() {
        if matches!(&nodes[at], Node::Field { head, directive, .. } if PLAIN.contains(&&**head) && directive.is_empty())
        {
            continue;
        }
        if *index == 0 {
            nodes.remove(at);
            return true;
        }
        *index -= 1;
        if let Node::Field { below, .. } | Node::Inline { below, .. } = &mut nodes[at]
            && remove(below, index)
        {
            return true;
        }
    }
    false
}

fn write_nodes(nodes: &[Node], out: &mut String, used: &mut [bool]) {
    for node in nodes {
        match node {
            Node::Field { head, directive, below } => {
                write!(out, " {head}{directive}").unwrap();
                if !below.is_empty() {
                    out.push_str(" {");
                    write_nodes(below, out, used);
                    out.push('}');
                }
            }
            Node::Inline { on, directive, below } => {
                write!(out, " ...{on}{directive} {{").unwrap();
                write_nodes(below, out, used);
                out.push('}');
            }
            Node::Spread { fragment, directive } => {
                used[*fragment] = true;
                write!(out, " ...F{fragment}{directive}").unwrap();
            }
        }
    }
    out.push(' ');
}

impl Generator<'_> {
    fn selections(&mut self, ty: &'static str, depth: u32) -> Vec<Node> {
        let plain = match ty {
            "Query" | "Result" => "__typename",
            "Address" => "zip",
            "Geo" => "lat",
            _ => "id",
        };
        let mut nodes =
            vec![Node::Field { head: plain.to_owned(), directive: String::new(), below: Vec::new() }];
        for _ in 0..self.rng.random_range(1..6) {
            if self.budget == 0 {
                break;
            }
            self.budget -= 1;
            let node = self.node(ty, depth);
            let at = self.rng.random_range(0..=nodes.len());
            nodes.extend(node);
            let last = nodes.len() - 1;
            nodes.swap(at.min(last), last);
        }
        nodes
    }

    fn node(&mut self, ty: &'static str, depth: u32) -> Option<Node> {
        let directive = self.directive();
        match self.rng.random_range(0..10) {
            0 if depth > 0 => {
                let on = self.condition(ty);
                let below = self.selections(on.unwrap_or(ty), depth - 1);
                Some(Node::Inline {
                    on: on.map_or_else(String::new, |on| format!(" on {on}")),
                    directive,
                    below,
                })
            }
            1 if depth > 0 => {
                let on = self.condition(ty).unwrap_or(ty);
                let fragment = match self.fragments.iter().position(|fragment| fragment.on == on) {
                    Some(known) if self.rng.random_bool(0.5) => known,
                    _ => {
                        let below = self.selections(on, depth - 1);
                        self.fragments.push(Fragment { on, below });
                        self.fragments.len() - 1
                    }
                };
                Some(Node::Spread { fragment, directive })
            }
            _ => self.field(ty, depth, directive),
        }
    }

    /// A type that the fragment may be on; none for the type at hand without saying so.
    fn condition(&mut self, ty: &'static str) -> Option<&'static str> {
        let members = self.world.object(ty).members;
        if members.is_empty() {
            self.rng.random_bool(0.5).then_some(ty)
        } else {
            members.choose(self.rng).copied()
        }
    }

    fn field(&mut self, ty: &'static str, depth: u32, directive: String) -> Option<Node> {
        let fields = &self.world.object(ty).fields;
        let field = fields.choose(self.rng)?;
        if !field.ty.is_leaf() && depth == 0 {
            return None;
        }
        let arguments = self.arguments(arguments(ty, field.name));
        // Fields with arguments always have an alias of their own, so that any two selections merge.
        let alias = if !arguments.is_empty() || self.rng.random_bool(0.2) {
            self.aliases += 1;
            format!("a{}: ", self.aliases)
        } else {
            String::new()
        };
        let below = if field.ty.is_leaf() { Vec::new() } else { self.selections(field.ty.base, depth - 1) };
        Some(Node::Field { head: format!("{alias}{}{arguments}", field.name), directive, below })
    }

    fn arguments(&mut self, declared: &str) -> String {
        let choices: &[&str] = match declared {
            "" => return String::new(),
            "(first: Int = 3)" => &["", "(first: 2)", "(first: $n)", "(first: 5)"],
            "(id: ID!)" => &["(id: $id)", "(id: 3)", "(id: \"4\")", "(id: \"none\")"],
            _ => &[
                "",
                "(a: 1, b: \"x\\u00e9\", c: true, d: NEW)",
                "(d: $kind, c: $yes, a: $n)",
                "(e: [OLD, NEW], f: {size: 2, kinds: [], inner: {size: 3}})",
                "(f: $filter, b: null, e: [$kind])",
                "(f: {size: $n, name: \"q\"})",
            ],
        };
        (*choices.choose(self.rng).unwrap()).to_owned()
    }

    fn directive(&mut self) -> String {
        let directives = [
            " @skip(if: $no)",
            " @include(if: $yes)",
            " @include(if: $no)",
            " @skip(if: false)",
            " @include(if: true) @skip(if: $no)",
        ];
        if self.rng.random_bool(0.15) {
            (*directives.choose(self.rng).unwrap()).to_owned()
        } else {
            String::new()
        }
    }
}
