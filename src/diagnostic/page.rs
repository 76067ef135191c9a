//! The page of each code, for `ficus check --explain CODE` and for tools that show rules: what it means, a wrong and a right
//! example, whose rule it is. The texts stand in `pages/`; this is the list of them, and thereby of all codes.
//!
//! A page is `# CODE`, one line that says what the code means, more where it helps, `## Wrong` and `## Right` with fenced
//! files, and `Rule of: …`. A test loads the examples: the wrong one has a diagnostic of the code, the right one none at
//! all. A source `shop` is there when an example names it without describing it.

use super::{Code, suggest};

/// All codes in the order of `Code`, each with its page.
const PAGES: &[(Code, &str)] = &[
    (Code::NoSchema, include_str!("pages/NO_SCHEMA.md")),
    (Code::UnreadableFile, include_str!("pages/UNREADABLE_FILE.md")),
    (Code::InvalidYaml, include_str!("pages/INVALID_YAML.md")),
    (Code::UnknownKey, include_str!("pages/UNKNOWN_KEY.md")),
    (Code::DuplicateKey, include_str!("pages/DUPLICATE_KEY.md")),
    (Code::InvalidValue, include_str!("pages/INVALID_VALUE.md")),
    (Code::MissingEnvironmentVariable, include_str!("pages/MISSING_ENVIRONMENT_VARIABLE.md")),
    (Code::NotSupportedYet, include_str!("pages/NOT_SUPPORTED_YET.md")),
    (Code::GraphQlError, include_str!("pages/GRAPH_QL_ERROR.md")),
    (Code::DuplicateType, include_str!("pages/DUPLICATE_TYPE.md")),
    (Code::DuplicateField, include_str!("pages/DUPLICATE_FIELD.md")),
    (Code::SubscriptionInConnectors, include_str!("pages/SUBSCRIPTION_IN_CONNECTORS.md")),
    (
        Code::ConnectorsUnsupportedFederationDirective,
        include_str!("pages/CONNECTORS_UNSUPPORTED_FEDERATION_DIRECTIVE.md"),
    ),
    (Code::ConnectorsUnsupportedAbstractType, include_str!("pages/CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE.md")),
    (Code::UnknownConnectorsVersion, include_str!("pages/UNKNOWN_CONNECTORS_VERSION.md")),
    (Code::NoSourceImport, include_str!("pages/NO_SOURCE_IMPORT.md")),
    (Code::NoSourcesDefined, include_str!("pages/NO_SOURCES_DEFINED.md")),
    (Code::SourceNameMismatch, include_str!("pages/SOURCE_NAME_MISMATCH.md")),
    (Code::DuplicateSourceName, include_str!("pages/DUPLICATE_SOURCE_NAME.md")),
    (Code::InvalidSourceName, include_str!("pages/INVALID_SOURCE_NAME.md")),
    (Code::EmptySourceName, include_str!("pages/EMPTY_SOURCE_NAME.md")),
    (Code::MissingBaseUrl, include_str!("pages/MISSING_BASE_URL.md")),
    (Code::UnusedConnectorFile, include_str!("pages/UNUSED_CONNECTOR_FILE.md")),
    (Code::DuplicateIdName, include_str!("pages/DUPLICATE_ID_NAME.md")),
    (Code::InvalidConnectorIdName, include_str!("pages/INVALID_CONNECTOR_ID_NAME.md")),
    (Code::MissingHttpMethod, include_str!("pages/MISSING_HTTP_METHOD.md")),
    (Code::MultipleHttpMethods, include_str!("pages/MULTIPLE_HTTP_METHODS.md")),
    (Code::HttpOmittedRequiresV04, include_str!("pages/HTTP_OMITTED_REQUIRES_V0_4.md")),
    (
        Code::RequestlessSelectionUsesRequestData,
        include_str!("pages/REQUESTLESS_SELECTION_USES_REQUEST_DATA.md"),
    ),
    (Code::InvalidUrl, include_str!("pages/INVALID_URL.md")),
    (Code::SuspiciousUrl, include_str!("pages/SUSPICIOUS_URL.md")),
    (Code::InvalidUrlScheme, include_str!("pages/INVALID_URL_SCHEME.md")),
    (Code::InvalidUrlProperty, include_str!("pages/INVALID_URL_PROPERTY.md")),
    (Code::AbsoluteConnectUrlWithSource, include_str!("pages/ABSOLUTE_CONNECT_URL_WITH_SOURCE.md")),
    (Code::RelativeConnectUrlWithoutSource, include_str!("pages/RELATIVE_CONNECT_URL_WITHOUT_SOURCE.md")),
    (Code::InvalidHeader, include_str!("pages/INVALID_HEADER.md")),
    (Code::HttpHeaderNameCollision, include_str!("pages/HTTP_HEADER_NAME_COLLISION.md")),
    (Code::InvalidBody, include_str!("pages/INVALID_BODY.md")),
    (Code::InvalidIsSuccess, include_str!("pages/INVALID_IS_SUCCESS.md")),
    (Code::InvalidErrorsMessage, include_str!("pages/INVALID_ERRORS_MESSAGE.md")),
    (Code::InvalidSelection, include_str!("pages/INVALID_SELECTION.md")),
    (Code::SelectedFieldNotFound, include_str!("pages/SELECTED_FIELD_NOT_FOUND.md")),
    (Code::GroupSelectionIsNotObject, include_str!("pages/GROUP_SELECTION_IS_NOT_OBJECT.md")),
    (Code::GroupSelectionRequiredForObject, include_str!("pages/GROUP_SELECTION_REQUIRED_FOR_OBJECT.md")),
    (Code::SelectionTypeMismatch, include_str!("pages/SELECTION_TYPE_MISMATCH.md")),
    (Code::MissingTypename, include_str!("pages/MISSING_TYPENAME.md")),
    (Code::MissingSchemaType, include_str!("pages/MISSING_SCHEMA_TYPE.md")),
    (Code::ConnectorsUnresolvedField, include_str!("pages/CONNECTORS_UNRESOLVED_FIELD.md")),
    (Code::FieldsMissingOnOneWay, include_str!("pages/FIELDS_MISSING_ON_ONE_WAY.md")),
    (Code::ConnectorsFieldWithArguments, include_str!("pages/CONNECTORS_FIELD_WITH_ARGUMENTS.md")),
    (Code::UndefinedArgument, include_str!("pages/UNDEFINED_ARGUMENT.md")),
    (Code::UndefinedField, include_str!("pages/UNDEFINED_FIELD.md")),
    (Code::UnsupportedVariableType, include_str!("pages/UNSUPPORTED_VARIABLE_TYPE.md")),
    (Code::UndefinedConfig, include_str!("pages/UNDEFINED_CONFIG.md")),
    (Code::SeveralConnectors, include_str!("pages/SEVERAL_CONNECTORS.md")),
    (Code::CircularReference, include_str!("pages/CIRCULAR_REFERENCE.md")),
    (Code::OverrideOnConnector, include_str!("pages/OVERRIDE_ON_CONNECTOR.md")),
    (Code::EntityNotOnRootQuery, include_str!("pages/ENTITY_NOT_ON_ROOT_QUERY.md")),
    (Code::EntityTypeInvalid, include_str!("pages/ENTITY_TYPE_INVALID.md")),
    (Code::EntityResolverArgumentMismatch, include_str!("pages/ENTITY_RESOLVER_ARGUMENT_MISMATCH.md")),
    (Code::MissingEntityConnector, include_str!("pages/MISSING_ENTITY_CONNECTOR.md")),
    (Code::ConnectorsCannotResolveKey, include_str!("pages/CONNECTORS_CANNOT_RESOLVE_KEY.md")),
    (Code::ConnectOnTypeMustBeEntity, include_str!("pages/CONNECT_ON_TYPE_MUST_BE_ENTITY.md")),
    (Code::ConnectOnRoot, include_str!("pages/CONNECT_ON_ROOT.md")),
    (Code::ConnectBatchAndThis, include_str!("pages/CONNECT_BATCH_AND_THIS.md")),
    (Code::ConnectorsBatchKeyNotInSelection, include_str!("pages/CONNECTORS_BATCH_KEY_NOT_IN_SELECTION.md")),
    (Code::InvalidGroupBy, include_str!("pages/INVALID_GROUP_BY.md")),
    (Code::InvalidCached, include_str!("pages/INVALID_CACHED.md")),
    (Code::InvalidInvalidates, include_str!("pages/INVALID_INVALIDATES.md")),
    (Code::PublicCacheOfClientData, include_str!("pages/PUBLIC_CACHE_OF_CLIENT_DATA.md")),
    (Code::InvalidSubscribe, include_str!("pages/INVALID_SUBSCRIBE.md")),
    (Code::SubscriptionWithoutAuthorize, include_str!("pages/SUBSCRIPTION_WITHOUT_AUTHORIZE.md")),
    (Code::TopicWithoutWebhook, include_str!("pages/TOPIC_WITHOUT_WEBHOOK.md")),
    (Code::InvalidWebhook, include_str!("pages/INVALID_WEBHOOK.md")),
    (Code::NPlusOne, include_str!("pages/N_PLUS_ONE.md")),
];

impl Code {
    /// All codes, in the order of the way from files to a graph.
    pub fn all() -> impl Iterator<Item = Code> {
        PAGES.iter().map(|(code, _)| *code)
    }

    /// The code of a name; upper and lower case, `-` and `_` are the same, so that what people type is found.
    ///
    /// # Errors
    /// A name that is no code; what was probably meant.
    pub fn named(name: &str) -> Result<Code, String> {
        let name = name.to_uppercase().replace('-', "_");
        let names = || Code::all().map(Code::as_str);
        Code::all().find(|code| code.as_str() == name).ok_or_else(|| {
            let help = suggest(&name, names());
            help.unwrap_or_else(|| "`ficus check --explain` lists all codes".to_owned())
        })
    }

    /// The page, as Markdown.
    #[must_use]
    pub fn page(self) -> &'static str {
        PAGES.iter().find(|(code, _)| *code == self).map_or("", |(_, page)| *page)
    }

    /// What the code means in one sentence, the first of its page.
    #[must_use]
    pub fn summary(self) -> &'static str {
        self.page().lines().nth(2).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let table = include_str!("code.rs");
        let in_table: Vec<&str> = table
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Code::")?.split_once("=> \"")?.1.strip_suffix("\","))
            .collect();
        assert_eq!(Code::all().map(Code::as_str).collect::<Vec<_>>(), in_table);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnostic/pages");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".md").to_owned())
            .collect();
        files.sort();
        let mut sorted = in_table;
        sorted.sort_unstable();
        assert_eq!(files, sorted);
    }

    #[test]
    fn pages_have_one_form() {
        for code in Code::all() {
            let (name, page) = (code.as_str(), code.page());
            assert!(page.starts_with(&format!("# {name}\n\n")), "{name}");
            let summary = code.summary();
            assert!(summary.ends_with('.') && summary.len() <= 120, "{name}: {summary}");
            assert!(page.trim_end().lines().last().unwrap().starts_with("Rule of: "), "{name}");
            assert!(page.lines().all(|line| line.chars().count() <= 140), "{name}: a line is too long");
        }
    }

    #[test]
    fn names_as_people_type_them() {
        assert_eq!(Code::named("invalid-url"), Ok(Code::InvalidUrl));
        assert_eq!(Code::named("INVALID_ULR"), Err("did you mean `INVALID_URL`?".to_owned()));
        assert_eq!(Code::named("E0001"), Err("`ficus check --explain` lists all codes".to_owned()));
    }
}
