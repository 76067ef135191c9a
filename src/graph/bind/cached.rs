//! `@cached` and `@invalidates`: which `@connect` they belong to, their tags, for whom answers are kept, and how the response
//! to a batch is cut into rows. When an answer may be used is not known here.

use std::{sync::Arc, time::Duration};

use apollo_compiler::{Node, ast::Directive, parser::SourceSpan, schema::DirectiveList};

use super::{
    connectors::{Element, WrittenBeside, in_request},
    mappings::{Mappings, Stands},
    private::of_client,
    reads::Readable,
};
use crate::{
    config::{FRESHNESS_BOUNDS, duration},
    connector::{
        Batch, CacheRules, CacheScope, Caching, Inputs, Join, Request, Rows, Source, TagPart, TagTemplate,
    },
    diagnostic::{Code, Diagnostic, Place},
    graph::{bind::data_reads, literal::SchemaText, written::WrittenCached},
    mapping::{
        ast::Mapping,
        references::{Reference, references},
        rows::{raw_path, row_selection, rows_at},
        template::{Part, parse_template},
    },
};

/// Of each `@connect` on a type, the `@cached` that belongs to it: the one behind it in the same definition or extension, or
/// the only one where there is only one `@connect`. `fault` is told of the others: place, message, help.
pub(super) fn beside<'d>(
    directives: &'d DirectiveList,
    is_connect: &dyn Fn(&str) -> bool,
    fault: &mut dyn FnMut(Option<SourceSpan>, &'static str, &'static str),
) -> Vec<(&'d Node<Directive>, Option<&'d Node<Directive>>)> {
    let connects = directives.iter().filter(|directive| is_connect(&directive.name));
    let mut found: Vec<_> =
        connects.map(|directive| (&directive.origin, &directive.node, None::<&Node<Directive>>)).collect();
    for cached in directives.iter().filter(|directive| directive.name == "cached") {
        let mut same = found.iter_mut().filter(|(origin, ..)| **origin == cached.origin);
        let position = |directive: &Node<Directive>| directive.location().map(|span| span.offset());
        let owner = match (same.next(), same.next()) {
            (only, None) => only,
            (Some(first), Some(second)) => [first, second]
                .into_iter()
                .chain(same)
                .filter(|(_, connect, _)| position(connect) < position(&cached.node))
                .last(),
            (None, Some(_)) => None,
        };
        match owner {
            None => {
                let help = "write it behind the `@connect` whose answers it is about";
                fault(cached.location(), "`@cached` belongs to no `@connect`", help);
            }
            Some((_, _, Some(_))) => {
                fault(cached.location(), "this `@connect` has two `@cached`", "keep one of them")
            }
            Some((_, _, place)) => *place = Some(&cached.node),
        }
    }
    found.into_iter().map(|(_, connect, cached)| (connect, cached)).collect()
}

/// The tags beside a `@connect`.
#[derive(Debug, Default)]
pub(super) struct Tags {
    cached: Vec<TagTemplate>,
    invalidates: Vec<TagTemplate>,
    /// What tags of a batch read of the object that a row is for, with the place.
    of_object: Vec<(Reference, Place)>,
}

/// Reads the tags. What they read of the client and of arguments is among what the connector reads.
pub(super) fn tags(
    mappings: &mut Mappings<'_>,
    element: Element<'_>,
    beside: &WrittenBeside,
    is_batch: bool,
) -> Tags {
    let mut tags = Tags::default();
    let readable = Readable { place: "a tag", data: true, batch: None, ..in_request(element) };
    for text in beside.cached.iter().flat_map(|cached| &cached.tags) {
        let before = mappings.read.len();
        tags.cached.extend(tag(mappings, text, Code::InvalidCached, readable));
        if is_batch {
            // `$this` is the one object that a row is kept for; the request reads it through `$batch`.
            let of_object = |reference: &mut Reference| reference.variable == "this";
            let taken: Vec<Reference> = mappings.read.extract_if(before.., of_object).collect();
            tags.of_object.extend(taken.into_iter().map(|read| (read, text.place(0..text.value.len()))));
        }
    }
    for text in beside.invalidates.iter().flat_map(|invalidates| &invalidates.tags) {
        tags.invalidates.extend(tag(mappings, text, Code::InvalidInvalidates, readable));
    }
    tags
}

fn tag(
    mappings: &mut Mappings<'_>,
    text: &SchemaText,
    code: Code,
    readable: Readable<'_>,
) -> Option<TagTemplate> {
    let parsed = parse_template(&text.value, mappings.grammar);
    let template = parsed.map_err(|errors| mappings.faults(errors, code, Stands::Schema(text))).ok()?;
    if template.parts.is_empty() {
        let diagnostic = Diagnostic::new(code, text.place.clone(), "a tag cannot be empty");
        mappings.report(diagnostic.help("name what it is about: `product:{$args.id}`"));
        return None;
    }
    mappings.parts(&template, code, readable, Stands::Schema(text));
    let mut parts = Vec::new();
    for part in template.parts {
        parts.push(match part {
            Part::Literal(text) => TagPart::Text(text),
            Part::Expression { mapping, span } => {
                match (data_reads(&mapping).is_empty(), references(&mapping).is_empty()) {
                    (true, _) => TagPart::Request(mapping),
                    (false, true) => TagPart::Row(Arc::new(mapping)),
                    (false, false) => {
                        let message =
                            "an expression in a tag reads either the row or variables, and this reads both";
                        let diagnostic = Diagnostic::new(code, text.place(span), message);
                        mappings.report(diagnostic.help("write two: `{$args.shop}:{$.id}`"));
                        return None;
                    }
                }
            }
        });
    }
    Some(TagTemplate { parts })
}

/// A connector whose answers may be kept.
pub(super) struct Keeps<'b> {
    pub(super) element: Element<'b>,
    /// Of `@connect`.
    pub(super) place: &'b Place,
    pub(super) source: &'b Source,
    pub(super) request: Option<&'b Request>,
    pub(super) selection: &'b Mapping,
    pub(super) batch: Option<&'b Batch>,
    pub(super) inputs: &'b Inputs,
}

impl Keeps<'_> {
    /// How its answers are kept, and what it purges.
    pub(super) fn caching(
        &self,
        mappings: &mut Mappings<'_>,
        beside: &WrittenBeside,
        tags: Tags,
    ) -> (Caching, Vec<TagTemplate>) {
        let is_mutation = self.is_mutation(mappings);
        let rules = beside.cached.as_ref().map(|cached| {
            self.check_place(mappings, cached, is_mutation);
            self.rules(mappings, cached)
        });
        if let Some(invalidates) = beside.invalidates.as_ref().filter(|_| !is_mutation) {
            let message = "`@invalidates` on a field that is no field of `Mutation`";
            let diagnostic = Diagnostic::new(Code::InvalidInvalidates, invalidates.place.clone(), message);
            mappings.report(diagnostic.help("put it on the mutation that changes what is kept"));
        }
        let rows_at: Arc<[String]> = rows_at(&self.selection.root).unwrap_or_default().into();
        let rows = self.batch.and_then(|batch| self.rows(batch, &rows_at)).map(Arc::new);
        self.check_objects(mappings, &tags, rows.is_some());
        let is_private = self.is_private(mappings, beside.cached.as_ref(), rules.as_ref());
        let caching = Caching { rules: rules.map(Arc::new), tags: tags.cached, is_private, rows_at, rows };
        (caching, tags.invalidates)
    }

    fn is_mutation(&self, mappings: &Mappings<'_>) -> bool {
        let mutation = mappings.schema.schema_definition.mutation.as_ref();
        matches!(self.element, Element::Field { parent, root: true, .. } if mutation.is_some_and(|root| root.name == *parent))
    }

    fn check_place(&self, mappings: &mut Mappings<'_>, cached: &WrittenCached, is_mutation: bool) {
        let fault = match self.request {
            _ if is_mutation => Some((
                "`@cached` on a field of `Mutation`, whose requests are always sent",
                "`@invalidates(tags: […])` ends what is kept of the data that it changes",
            )),
            None => Some((
                "`@cached` beside a `@connect` without `http`",
                "there is no answer to keep: remove it",
            )),
            Some(request) if ![http::Method::GET, http::Method::POST].contains(&request.method) => Some((
                "`@cached` beside a request that changes something",
                "only answers to GET are kept, and to a POST that asks for data",
            )),
            Some(_) => None,
        };
        if let Some((message, help)) = fault {
            let diagnostic = Diagnostic::new(Code::InvalidCached, cached.place.clone(), message);
            mappings.report(diagnostic.help(help));
        }
    }

    /// The source's rules with what the directive says in their place.
    fn rules(&self, mappings: &mut Mappings<'_>, cached: &WrittenCached) -> CacheRules {
        let of_source = self.source.settings.cache.clone().unwrap_or_default();
        let mut time = |text: Option<&SchemaText>| text.and_then(|text| freshness(mappings, text));
        CacheRules {
            ttl: time(cached.ttl.as_ref()).or(of_source.ttl),
            stale_while_revalidate: time(cached.stale_while_revalidate.as_ref())
                .or(of_source.stale_while_revalidate),
            stale_if_error: time(cached.stale_if_error.as_ref()).or(of_source.stale_if_error),
            scope: cached.scope.or(of_source.scope),
            ..of_source
        }
    }

    /// How the response to a batch is cut, where its rows and their keys stand in the body as they are.
    fn rows(&self, batch: &Batch, list: &Arc<[String]>) -> Option<Rows> {
        let mut root = self.selection.root.clone();
        rows_at(&root)?;
        let selection = row_selection(&mut root)?;
        // What is read of one response cannot be had of rows of several.
        let of_response = |read: &Reference| ["status", "response"].contains(&read.variable.as_str());
        if references(self.selection).iter().any(of_response) {
            return None;
        }
        let (key, has_many) = match (&batch.join, self.element) {
            (Join::Entity { key }, _) => {
                (key.iter().map(|path| raw_path(selection, path)).collect::<Option<Vec<_>>>()?, false)
            }
            // Where a request reads more of an object than its rows are matched by, rows of one key may be different ones.
            (Join::GroupBy { parent, .. }, _)
                if self.inputs.batch.iter().any(|path| !parent.contains(path)) =>
            {
                return None;
            }
            (Join::GroupBy { item, .. }, Element::Field { field, .. }) => (item.clone(), field.ty.is_list()),
            (Join::GroupBy { .. }, Element::Type { .. }) => return None,
        };
        Some(Rows { list: Arc::clone(list), key, has_many })
    }

    /// Tags of a batch may read of an object what the batch is made of, and nothing else is known when it is asked for.
    fn check_objects(&self, mappings: &mut Mappings<'_>, tags: &Tags, is_cut: bool) {
        for (read, place) in &tags.of_object {
            let path = read.path.join(".");
            let is_sent = |sent: &Vec<String>| read.path.starts_with(sent);
            let (message, help) = if !is_cut {
                let message =
                    format!("`$this.{path}` cannot be read: the rows of this batch are not kept one by one");
                (
                    message,
                    "apply the selection to the list itself: `$.rows { id … }`, with the key as it stands in a row",
                )
            } else if !self.inputs.batch.iter().any(is_sent) {
                let message =
                    format!("`$this.{path}` cannot be read: the batch does not read `$batch.{path}`");
                (message, "read what the request is made of, or the row: `{$.id}`")
            } else {
                continue;
            };
            mappings.report(Diagnostic::new(Code::InvalidCached, place.clone(), message).help(help));
        }
    }

    /// Whether answers are for their client alone. That they are said to be for all must be true.
    fn is_private(
        &self,
        mappings: &mut Mappings<'_>,
        cached: Option<&WrittenCached>,
        rules: Option<&CacheRules>,
    ) -> bool {
        let Some(request) = self.request else { return false };
        let rules = rules.or(self.source.settings.cache.as_ref());
        let ignored = rules.map_or(&[][..], |rules| &rules.ignore_headers);
        let found = of_client(request, self.source, ignored);
        let scope = rules.and_then(|rules| rules.scope);
        if let (Some(CacheScope::Public), Some(what)) = (scope, &found) {
            let (place, says) = match cached.filter(|cached| cached.scope.is_some()) {
                Some(cached) => (&cached.place, "`scope: PUBLIC`".to_owned()),
                None => (self.place, format!("`cache.scope: public` of the source `{}`", self.source.name)),
            };
            let message = format!("{says} keeps one answer for all clients, and the request sends {what}");
            let help = "write `private`, or list a header that changes no answer in `cache.ignore_headers`";
            mappings
                .report(Diagnostic::new(Code::PublicCacheOfClientData, place.clone(), message).help(help));
        }
        found.is_some() || scope == Some(CacheScope::Private)
    }
}

/// A time of `@cached`.
fn freshness(mappings: &mut Mappings<'_>, text: &SchemaText) -> Option<Duration> {
    let found = duration(&text.value).filter(|time| FRESHNESS_BOUNDS.contains(time));
    if found.is_none() {
        let message = format!("`{}` is not a time for which an answer can be kept", text.value);
        let diagnostic = Diagnostic::new(Code::InvalidCached, text.place.clone(), message);
        mappings.report(
            diagnostic
                .help("write a number with its unit, more than 0 and at most 365 days: `30s`, `5m`, `1h`"),
        );
    }
    found
}
