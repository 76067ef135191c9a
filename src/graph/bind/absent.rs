//! Keys of declared objects that are not there, where following the path of a variable did not find it already: keys of
//! `$config`, and what methods read.

use apollo_compiler::{Name, schema::ExtendedType};
use serde_json::Value as Json;

use crate::{
    diagnostic::{Code, Diagnostic, Place, suggest},
    graph::known::{Owner, Variables, owner},
    mapping::shape::Absent,
};

/// What is said of a key that its object does not have.
pub(super) fn fault(absent: &Absent, variables: &Variables<'_>, source: &str, place: Place) -> Diagnostic {
    let key = absent.key.as_str();
    let (code, message, known) = match owner(&absent.object) {
        Owner::Config(path) => return of_config(&path, key, variables.config, source, place),
        Owner::Arguments => {
            let known = variables.args.into_iter().flat_map(|field| &field.arguments);
            let known: Vec<&str> = known.map(|argument| argument.name.as_str()).collect();
            (Code::UndefinedArgument, format!("there is no argument `{key}`"), known)
        }
        Owner::Exchange => {
            let message = format!("there is no `{key}` here, only `headers`");
            (Code::UnsupportedVariableType, message, vec!["headers"])
        }
        Owner::Type(name) => {
            let (code, known) = fields(variables, name);
            (code, format!("`{name}` has no field `{key}`"), known)
        }
    };
    let diagnostic = Diagnostic::new(code, place, message);
    match suggest(key, known) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn fields<'s>(variables: &Variables<'s>, name: &str) -> (Code, Vec<&'s str>) {
    match variables.schema.types.get(name) {
        Some(ExtendedType::InputObject(input)) => {
            (Code::UndefinedArgument, input.fields.keys().map(Name::as_str).collect())
        }
        Some(ExtendedType::Object(object)) => {
            (Code::UndefinedField, object.fields.keys().map(Name::as_str).collect())
        }
        Some(ExtendedType::Interface(interface)) => {
            (Code::UndefinedField, interface.fields.keys().map(Name::as_str).collect())
        }
        _ => (Code::UndefinedField, Vec::new()),
    }
}

fn of_config(path: &[&str], key: &str, config: &Json, source: &str, place: Place) -> Diagnostic {
    let below = path.iter().map(|key| format!(".{key}")).collect::<String>();
    if source.is_empty() {
        let message =
            format!("`$config.{key}` is never there: a connector without a source has no `$config`");
        let help = "name a `source`, and write `config` in its connector file";
        return Diagnostic::new(Code::UndefinedConfig, place, message).help(help);
    }
    let message = format!("`$config{below}` of the source `{source}` has no `{key}`");
    let object = path.iter().try_fold(config, |value, key| value.get(key)).and_then(Json::as_object);
    let known: Vec<&str> = object.into_iter().flat_map(|object| object.keys()).map(String::as_str).collect();
    let nested = path
        .iter()
        .chain([&key])
        .rev()
        .fold("…".to_owned(), |inside, key| format!("{{ {key}: {inside} }}"));
    let help = crate::diagnostic::nearest(key, known.iter().copied())
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_else(|| {
            format!(
                "write it in connectors/{source}.yaml, as `config: {nested}`, or read it with `?` or `??`"
            )
        });
    Diagnostic::new(Code::UndefinedConfig, place, message).help(help)
}
