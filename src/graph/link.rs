//! What the schema links (`@link`): the connect spec's version and the names that its directives go by here.

use apollo_compiler::{
    Node,
    ast::{Definition, Directive, Document, Value},
};

use super::files::SchemaFiles;
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    mapping::ast::Grammar,
};

const SPECS: &str = "https://specs.apollo.dev/";

/// The links of all files together.
#[derive(Debug, Clone)]
pub(super) struct Links {
    /// How mappings are read.
    pub(super) grammar: Grammar,
    /// Names of `@connect`, without `@`.
    pub(super) connect: Vec<String>,
    /// Names of `@source`, without `@`.
    pub(super) source: Vec<String>,
    /// Whether `@source` is known by its bare name only because nothing forbids it: worth a warning when it is used.
    pub(super) source_not_imported: bool,
    /// Federation directives that go by another name: (name there, name here).
    pub(super) federation: Vec<(String, String)>,
}

impl Default for Links {
    /// A graph without a link is read as `connect/v0.4`.
    fn default() -> Self {
        Links {
            grammar: Grammar::V0_4,
            connect: vec!["connect".to_owned()],
            source: vec!["source".to_owned()],
            source_not_imported: false,
            federation: Vec::new(),
        }
    }
}

impl Links {
    /// Whether a directive's name here is a federation directive's.
    pub(super) fn is_federation(&self, name: &str, directive: &str) -> bool {
        name == directive
            || name.strip_prefix("federation__") == Some(directive)
            || self.federation.iter().any(|(there, here)| there == directive && here == name)
    }
}

/// One `@link`.
struct Link {
    /// `connect`, `federation`
    spec: String,
    version: String,
    prefix: String,
    /// (name there, name here), with `@` for directives.
    imports: Vec<(String, String)>,
}

impl Link {
    /// The name of a directive here.
    fn name_of(&self, directive: &str) -> String {
        let there = format!("@{directive}");
        match self.imports.iter().find(|(name, _)| *name == there) {
            Some((_, here)) => here.trim_start_matches('@').to_owned(),
            None => format!("{}__{directive}", self.prefix),
        }
    }

    fn imports(&self, directive: &str) -> bool {
        self.imports.iter().any(|(name, _)| name.strip_prefix('@') == Some(directive))
    }
}

/// Reads the links of all documents.
pub(super) fn read_links(
    documents: &[Document],
    files: &SchemaFiles,
    diagnostics: &mut Diagnostics,
) -> Links {
    let mut links = Links::default();
    let mut connect: Option<(String, Node<Directive>)> = None;
    for directive in documents.iter().flat_map(link_directives) {
        let Some(link) = read(directive) else { continue };
        match link.spec.as_str() {
            "connect" => {
                let place = files.place(directive.location());
                match &connect {
                    Some((version, _)) if *version == link.version => {}
                    Some((version, first)) => diagnostics.push(
                        Diagnostic::new(
                            Code::UnknownConnectorsVersion,
                            place,
                            format!("the schema links connect/{} and connect/{version}", link.version),
                        )
                        .also(files.place(first.location()), "the other link")
                        .help("all files of a graph share one version"),
                    ),
                    None => {
                        links = first_connect_link(&link, links);
                        match grammar(&link.version) {
                            Ok(grammar) => links.grammar = grammar,
                            Err(refusal) => diagnostics.push(refusal(place)),
                        }
                        connect = Some((link.version.clone(), directive.clone()));
                        continue;
                    }
                }
                names(&link, &mut links);
            }
            "federation" => {
                let renamed = link.imports.iter().filter_map(|(there, here)| {
                    Some((there.strip_prefix('@')?.to_owned(), here.strip_prefix('@')?.to_owned()))
                });
                links.federation.extend(renamed.filter(|(there, here)| there != here));
            }
            _ => {}
        }
    }
    links
}

fn first_connect_link(link: &Link, links: Links) -> Links {
    let mut links = Links {
        connect: Vec::new(),
        source: Vec::new(),
        source_not_imported: !link.imports("source"),
        ..links
    };
    names(link, &mut links);
    links
}

/// Adds the names that a link gives. The bare names stay free for use unless the link renames them.
fn names(link: &Link, links: &mut Links) {
    for (names, directive) in [(&mut links.connect, "connect"), (&mut links.source, "source")] {
        names.push(link.name_of(directive));
        if !link.imports(directive) {
            names.push(directive.to_owned());
        }
        names.sort();
        names.dedup();
    }
    links.source_not_imported &= !link.imports("source");
}

type Refusal = Box<dyn FnOnce(crate::diagnostic::Place) -> Diagnostic>;

fn grammar(version: &str) -> Result<Grammar, Refusal> {
    match version {
        // v0.1 and v0.2 differ from v0.3 only in what they lack.
        "v0.1" | "v0.2" | "v0.3" => Ok(Grammar::V0_3),
        "v0.4" => Ok(Grammar::V0_4),
        "v0.5" => Err(Box::new(|place| {
            Diagnostic::new(Code::NotSupportedYet, place, "connect/v0.5 is not supported yet")
                .help("link https://specs.apollo.dev/connect/v0.4")
        })),
        other => {
            let message = format!("connect/{other} is not a version that Ficus knows");
            Err(Box::new(|place| {
                Diagnostic::new(Code::UnknownConnectorsVersion, place, message)
                    .help("known versions: v0.1, v0.2, v0.3, v0.4")
            }))
        }
    }
}

fn link_directives(document: &Document) -> impl Iterator<Item = &Node<Directive>> {
    document
        .definitions
        .iter()
        .filter(|definition| {
            matches!(definition, Definition::SchemaDefinition(_) | Definition::SchemaExtension(_))
        })
        .flat_map(|definition| definition.directives().get_all("link"))
}

fn read(directive: &Directive) -> Option<Link> {
    let url = directive.specified_argument_by_name("url")?.as_str()?;
    let (spec, version) = url.strip_prefix(SPECS)?.trim_end_matches('/').rsplit_once('/')?;
    let prefix = directive.specified_argument_by_name("as").and_then(|value| value.as_str()).unwrap_or(spec);
    let imports = match directive.specified_argument_by_name("import").map(|value| &**value) {
        Some(Value::List(items)) => items.iter().filter_map(|item| import(item)).collect(),
        Some(item) => import(item).into_iter().collect(),
        None => Vec::new(),
    };
    Some(Link { spec: spec.to_owned(), version: version.to_owned(), prefix: prefix.to_owned(), imports })
}

/// `"@connect"` or `{name: "@connect", as: "@api"}`
fn import(item: &Value) -> Option<(String, String)> {
    if let Some(name) = item.as_str() {
        return Some((name.to_owned(), name.to_owned()));
    }
    let entries = item.as_object()?;
    let get = |key: &str| entries.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_str());
    let name = get("name")?;
    Some((name.to_owned(), get("as").unwrap_or(name).to_owned()))
}
