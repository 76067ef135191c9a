//! From text to a valid document: limits first, then validation, so that nothing costly runs on what is refused anyway.

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    executable::Operation,
    introspection,
    parser::Parser,
    validation::{DiagnosticList, Valid},
};

use super::{Refusal, RequestError, limits};
use crate::{
    config::Limits,
    error::{ClientError, Code},
};

/// How deep the parser itself may nest; beyond it a document is refused before the limits are counted.
/// Far above any useful `limits.depth`, far below what a thread's stack can hold.
const PARSER_NESTING_MAX: usize = 256;

/// What a document may contain.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What one request may ask for.
    pub limits: Limits,
    /// Whether `__schema` and `__type` may be selected.
    pub introspection: bool,
    /// Whether messages may suggest names.
    pub suggestions: bool,
}

/// A document that is valid against the schema and within limits.
#[derive(Debug)]
pub struct Document {
    executable: Valid<ExecutableDocument>,
}

impl Document {
    /// Parses and validates a document.
    ///
    /// # Errors
    /// A refusal with every syntax or validation error, or with the limit that the document passes.
    pub fn parse(text: &str, schema: &Valid<Schema>, rules: &Rules) -> Result<Self, Refusal> {
        let mut parser =
            Parser::new().token_limit(rules.limits.tokens_max).recursion_limit(PARSER_NESTING_MAX);
        let parsed = parser.parse_ast(text, "operation.graphql");
        if parser.tokens_reached() > rules.limits.tokens_max {
            let message = format!("The document has more than {} tokens.", rules.limits.tokens_max);
            return Err(Refusal::limit(ClientError::new(Code::LimitTokens, message)));
        }
        if parser.recursion_reached() > PARSER_NESTING_MAX {
            let message = format!("The document nests deeper than {PARSER_NESTING_MAX} levels.");
            return Err(Refusal::limit(ClientError::new(Code::LimitDepth, message)));
        }
        let syntax = parsed.map_err(|fault| refusal(&fault.errors, Code::GraphqlParseFailed, rules))?;
        limits::check(&syntax, rules)?;
        let executable = syntax
            .to_executable_validate(schema)
            .map_err(|fault| refusal(&fault.errors, Code::GraphqlValidationFailed, rules))?;
        for operation in executable.operations.iter() {
            introspection::check_max_depth(&executable, operation).map_err(|fault| {
                Refusal::limit(ClientError::new(Code::LimitDepth, fault.message().to_string()))
            })?;
        }
        Ok(Document { executable })
    }

    /// The valid document itself.
    #[must_use]
    pub fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.executable
    }

    /// The operation to run (GraphQL specification, `GetOperation`).
    ///
    /// # Errors
    /// When the name is unknown, or none is given and there are several.
    pub fn operation(&self, name: Option<&str>) -> Result<&Node<Operation>, Refusal> {
        let refuse =
            |message: String| Refusal::one(ClientError::new(Code::OperationResolutionFailed, message), None);
        self.executable.operations.get(name).map_err(|_| match name {
            Some(name) => refuse(format!("The document has no operation named \"{name}\".")),
            None => refuse("The document has several operations: operationName must name one.".to_owned()),
        })
    }
}

fn refusal(diagnostics: &DiagnosticList, code: Code, rules: &Rules) -> Refusal {
    let errors = diagnostics
        .iter()
        .take(rules.limits.errors_max)
        .map(|diagnostic| {
            let mut json = diagnostic.to_json();
            if !rules.suggestions {
                without_suggestion(&mut json.message);
            }
            RequestError {
                error: ClientError::new(code, json.message),
                locations: json.locations.iter().map(|place| (place.line, place.column)).collect(),
            }
        })
        .collect();
    Refusal { errors, limit: false }
}

/// Suggestions tell a stranger about the schema: they are cut off where `suggestions` is off.
fn without_suggestion(message: &mut String) {
    if let Some(at) = message.find("did you mean").or_else(|| message.find("Did you mean")) {
        message.truncate(at);
        message.truncate(message.trim_end_matches([' ', ',', ';', '.', '(']).len());
    }
}
