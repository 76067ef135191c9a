//! The closed table of diagnostic codes.

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The graph is not served.
    Error,
    /// The graph is served; something in it is probably not meant.
    Warning,
}

impl Severity {
    /// As it is printed; SARIF has the same words for its levels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Codes of diagnostics: those of the connect language (section 11) under their names there, and Ficus's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    // ---- Files
    /// There is no schema file.
    NoSchema,
    /// A file cannot be read, or is not UTF-8.
    UnreadableFile,
    /// A connector file or `ficus.yaml` is not YAML.
    InvalidYaml,
    /// A key that no part of Ficus reads.
    UnknownKey,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// A value is of the wrong kind or outside its bounds.
    InvalidValue,
    /// `${NAME}` without a default, and the variable is not set.
    MissingEnvironmentVariable,
    /// A key or directive that is named in the documentation but not built.
    NotSupportedYet,
    // ---- The schema
    /// The schema is not valid GraphQL.
    GraphQlError,
    /// A type is defined twice; the second should be an extension.
    DuplicateType,
    /// A field is defined twice.
    DuplicateField,
    /// A `@connect` on a field of `Subscription`.
    SubscriptionInConnectors,
    /// A federation directive that has no meaning here.
    ConnectorsUnsupportedFederationDirective,
    /// A connector on an interface.
    ConnectorsUnsupportedAbstractType,
    // ---- Links and sources
    /// A link to a version of the connect spec that Ficus does not know.
    UnknownConnectorsVersion,
    /// A link imports `@connect`, and `@source` is used without being imported.
    NoSourceImport,
    /// `@connect(source:)` names a source, and the graph has none.
    NoSourcesDefined,
    /// `@connect(source:)` names no source.
    SourceNameMismatch,
    /// Two `@source` of one name.
    DuplicateSourceName,
    /// A source's name is not 1 to 64 letters, digits, `_` and `-`, beginning with a letter.
    InvalidSourceName,
    /// A source's name is empty.
    EmptySourceName,
    /// A source has no base URL, neither in the schema nor in a connector file.
    MissingBaseUrl,
    /// No `@connect` uses a connector file.
    UnusedConnectorFile,
    /// Two connectors of one `id`.
    DuplicateIdName,
    /// A connector's `id` is not letters, digits and `_`.
    InvalidConnectorIdName,
    // ---- The request
    /// `http` without a method.
    MissingHttpMethod,
    /// `http` with several methods.
    MultipleHttpMethods,
    /// No `http`, before `connect/v0.4`.
    HttpOmittedRequiresV04,
    /// Without `http` there is no response to read.
    RequestlessSelectionUsesRequestData,
    /// A URL template that cannot be read.
    InvalidUrl,
    /// A URL with a blank, or with `:name` in the place of an argument.
    SuspiciousUrl,
    /// A URL that is neither `http` nor `https`.
    InvalidUrlScheme,
    /// `path` or `queryParams` that cannot be read.
    InvalidUrlProperty,
    /// The URL is absolute although the source has a base URL.
    AbsoluteConnectUrlWithSource,
    /// The URL is relative and there is no source.
    RelativeConnectUrlWithoutSource,
    /// A header that cannot be sent.
    InvalidHeader,
    /// A header stands twice.
    HttpHeaderNameCollision,
    /// A `body` that cannot be read.
    InvalidBody,
    /// An `isSuccess` that cannot be read.
    InvalidIsSuccess,
    /// An `errors` mapping that cannot be read.
    InvalidErrorsMessage,
    // ---- The selection
    /// A mapping that cannot be read.
    InvalidSelection,
    /// A mapping gives a field that the type does not have.
    SelectedFieldNotFound,
    /// A mapping gives an object where the schema has a leaf.
    GroupSelectionIsNotObject,
    /// A mapping gives a leaf where the schema has an object.
    GroupSelectionRequiredForObject,
    /// A mapping gives what can never be a value of the field's type: another leaf, a list for one, null for non-null.
    SelectionTypeMismatch,
    /// An object for an interface or union that does not say of which type it is.
    MissingTypename,
    /// `__typename` names a type that the schema does not have.
    MissingSchemaType,
    /// Nothing gives a field its value.
    ConnectorsUnresolvedField,
    /// A selection leaves fields out that other selections give, and nothing completes them there.
    FieldsMissingOnOneWay,
    /// A field with arguments is given by a mapping, which cannot read them.
    ConnectorsFieldWithArguments,
    /// `$args` names an argument that the field does not have.
    UndefinedArgument,
    /// `$this` or `$batch` names a field that the type does not have.
    UndefinedField,
    /// A variable that is not known in this place.
    UnsupportedVariableType,
    /// `$config` is read for a key that the connector file does not have.
    UndefinedConfig,
    /// Several `@connect` on one field.
    SeveralConnectors,
    /// Connectors of a type wait for one another.
    CircularReference,
    /// `@override` on a field with a connector.
    OverrideOnConnector,
    // ---- Entities and batches
    /// `entity: true` on something other than a field of `Query`.
    EntityNotOnRootQuery,
    /// `entity: true` on a list, a non-null type or a leaf.
    EntityTypeInvalid,
    /// An argument of an entity connector is not a field of the entity.
    EntityResolverArgumentMismatch,
    /// A `@key` that no connector can be asked with.
    MissingEntityConnector,
    /// A `@key` names a field that the type does not have.
    ConnectorsCannotResolveKey,
    /// A type connector that reads no key.
    ConnectOnTypeMustBeEntity,
    /// `@connect` on `Query` or `Mutation` itself.
    ConnectOnRoot,
    /// One connector reads both `$batch` and `$this`.
    ConnectBatchAndThis,
    /// A batch's selection does not give the key that its rows are matched by.
    ConnectorsBatchKeyNotInSelection,
    /// `@groupBy` that does not say how rows find their parent.
    InvalidGroupBy,
    // ---- Caching
    /// `@cached` that cannot be read, or that stands where nothing is kept.
    InvalidCached,
    /// `@invalidates` that cannot be read, or that does not stand on a mutation.
    InvalidInvalidates,
    /// Answers are to be kept for all clients, and something of the client's request goes into the request.
    PublicCacheOfClientData,
    // ---- Events
    /// `@subscribe` that cannot be read, or that stands where there is nothing to subscribe to.
    InvalidSubscribe,
    /// Everybody may listen to a topic, and nobody said so.
    SubscriptionWithoutAuthorize,
    /// A topic on which no webhook publishes.
    TopicWithoutWebhook,
    /// A webhook that could not be verified, or that publishes nothing.
    InvalidWebhook,
    // ---- Plans
    /// A list leads to a request for each of its items.
    NPlusOne,
}

impl Code {
    /// As it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::NoSchema => "NO_SCHEMA",
            Code::UnreadableFile => "UNREADABLE_FILE",
            Code::InvalidYaml => "INVALID_YAML",
            Code::UnknownKey => "UNKNOWN_KEY",
            Code::DuplicateKey => "DUPLICATE_KEY",
            Code::InvalidValue => "INVALID_VALUE",
            Code::MissingEnvironmentVariable => "MISSING_ENVIRONMENT_VARIABLE",
            Code::NotSupportedYet => "NOT_SUPPORTED_YET",
            Code::GraphQlError => "GRAPH_QL_ERROR",
            Code::DuplicateType => "DUPLICATE_TYPE",
            Code::DuplicateField => "DUPLICATE_FIELD",
            Code::SubscriptionInConnectors => "SUBSCRIPTION_IN_CONNECTORS",
            Code::ConnectorsUnsupportedFederationDirective => "CONNECTORS_UNSUPPORTED_FEDERATION_DIRECTIVE",
            Code::ConnectorsUnsupportedAbstractType => "CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE",
            Code::UnknownConnectorsVersion => "UNKNOWN_CONNECTORS_VERSION",
            Code::NoSourceImport => "NO_SOURCE_IMPORT",
            Code::NoSourcesDefined => "NO_SOURCES_DEFINED",
            Code::SourceNameMismatch => "SOURCE_NAME_MISMATCH",
            Code::DuplicateSourceName => "DUPLICATE_SOURCE_NAME",
            Code::InvalidSourceName => "INVALID_SOURCE_NAME",
            Code::EmptySourceName => "EMPTY_SOURCE_NAME",
            Code::MissingBaseUrl => "MISSING_BASE_URL",
            Code::UnusedConnectorFile => "UNUSED_CONNECTOR_FILE",
            Code::DuplicateIdName => "DUPLICATE_ID_NAME",
            Code::InvalidConnectorIdName => "INVALID_CONNECTOR_ID_NAME",
            Code::MissingHttpMethod => "MISSING_HTTP_METHOD",
            Code::MultipleHttpMethods => "MULTIPLE_HTTP_METHODS",
            Code::HttpOmittedRequiresV04 => "HTTP_OMITTED_REQUIRES_V0_4",
            Code::RequestlessSelectionUsesRequestData => "REQUESTLESS_SELECTION_USES_REQUEST_DATA",
            Code::InvalidUrl => "INVALID_URL",
            Code::SuspiciousUrl => "SUSPICIOUS_URL",
            Code::InvalidUrlScheme => "INVALID_URL_SCHEME",
            Code::InvalidUrlProperty => "INVALID_URL_PROPERTY",
            Code::AbsoluteConnectUrlWithSource => "ABSOLUTE_CONNECT_URL_WITH_SOURCE",
            Code::RelativeConnectUrlWithoutSource => "RELATIVE_CONNECT_URL_WITHOUT_SOURCE",
            Code::InvalidHeader => "INVALID_HEADER",
            Code::HttpHeaderNameCollision => "HTTP_HEADER_NAME_COLLISION",
            Code::InvalidBody => "INVALID_BODY",
            Code::InvalidIsSuccess => "INVALID_IS_SUCCESS",
            Code::InvalidErrorsMessage => "INVALID_ERRORS_MESSAGE",
            Code::InvalidSelection => "INVALID_SELECTION",
            Code::SelectedFieldNotFound => "SELECTED_FIELD_NOT_FOUND",
            Code::GroupSelectionIsNotObject => "GROUP_SELECTION_IS_NOT_OBJECT",
            Code::GroupSelectionRequiredForObject => "GROUP_SELECTION_REQUIRED_FOR_OBJECT",
            Code::SelectionTypeMismatch => "SELECTION_TYPE_MISMATCH",
            Code::MissingTypename => "MISSING_TYPENAME",
            Code::MissingSchemaType => "MISSING_SCHEMA_TYPE",
            Code::ConnectorsUnresolvedField => "CONNECTORS_UNRESOLVED_FIELD",
            Code::FieldsMissingOnOneWay => "FIELDS_MISSING_ON_ONE_WAY",
            Code::ConnectorsFieldWithArguments => "CONNECTORS_FIELD_WITH_ARGUMENTS",
            Code::UndefinedArgument => "UNDEFINED_ARGUMENT",
            Code::UndefinedField => "UNDEFINED_FIELD",
            Code::UnsupportedVariableType => "UNSUPPORTED_VARIABLE_TYPE",
            Code::UndefinedConfig => "UNDEFINED_CONFIG",
            Code::SeveralConnectors => "SEVERAL_CONNECTORS",
            Code::CircularReference => "CIRCULAR_REFERENCE",
            Code::OverrideOnConnector => "OVERRIDE_ON_CONNECTOR",
            Code::EntityNotOnRootQuery => "ENTITY_NOT_ON_ROOT_QUERY",
            Code::EntityTypeInvalid => "ENTITY_TYPE_INVALID",
            Code::EntityResolverArgumentMismatch => "ENTITY_RESOLVER_ARGUMENT_MISMATCH",
            Code::MissingEntityConnector => "MISSING_ENTITY_CONNECTOR",
            Code::ConnectorsCannotResolveKey => "CONNECTORS_CANNOT_RESOLVE_KEY",
            Code::ConnectOnTypeMustBeEntity => "CONNECT_ON_TYPE_MUST_BE_ENTITY",
            Code::ConnectOnRoot => "CONNECT_ON_ROOT",
            Code::ConnectBatchAndThis => "CONNECT_BATCH_AND_THIS",
            Code::ConnectorsBatchKeyNotInSelection => "CONNECTORS_BATCH_KEY_NOT_IN_SELECTION",
            Code::InvalidGroupBy => "INVALID_GROUP_BY",
            Code::InvalidCached => "INVALID_CACHED",
            Code::InvalidInvalidates => "INVALID_INVALIDATES",
            Code::PublicCacheOfClientData => "PUBLIC_CACHE_OF_CLIENT_DATA",
            Code::InvalidSubscribe => "INVALID_SUBSCRIBE",
            Code::SubscriptionWithoutAuthorize => "SUBSCRIPTION_WITHOUT_AUTHORIZE",
            Code::TopicWithoutWebhook => "TOPIC_WITHOUT_WEBHOOK",
            Code::InvalidWebhook => "INVALID_WEBHOOK",
            Code::NPlusOne => "N_PLUS_ONE",
        }
    }

    /// Whether it stops the graph from being served.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Code::NoSourceImport
            | Code::UnusedConnectorFile
            | Code::FieldsMissingOnOneWay
            | Code::UndefinedConfig
            | Code::SuspiciousUrl
            | Code::SubscriptionWithoutAuthorize
            | Code::TopicWithoutWebhook
            | Code::NPlusOne => Severity::Warning,
            _ => Severity::Error,
        }
    }
}
