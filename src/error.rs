//! The closed table of error codes that a client may see, and whose fault each is.
//! What a client may read is `ClientError`; what only the log may read is never in it.

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request's.
    Client,
    /// A backend's.
    Upstream,
    /// Ficus's own, or its configuration's.
    Gateway,
}

/// Codes in `errors[].extensions.code`. The table in docs/answers.md lists each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The HTTP request is not a GraphQL request.
    BadRequest,
    /// The path is none that the gateway serves.
    NotFound,
    /// The method cannot carry this request.
    MethodNotAllowed,
    /// The request's media type is not one that GraphQL over HTTP knows.
    UnsupportedMediaType,
    /// No acceptable media type for the response.
    NotAcceptable,
    /// A browser may have been made to send this request.
    CsrfRefused,
    /// A page of this origin may not open a connection that stays.
    OriginRefused,
    /// The event stream is open already, or the id of an operation in it is in use.
    StreamInUse,
    /// The admin graph was asked without its token.
    Unauthenticated,
    /// The body is larger than `limits.body`.
    PayloadTooLarge,
    /// The client took longer than `limits.body_read`.
    RequestTimeout,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema.
    GraphqlValidationFailed,
    /// `operationName` names no operation, or is needed and not there.
    OperationResolutionFailed,
    /// A variable's value does not fit its type.
    BadUserInput,
    /// Introspection is off.
    IntrospectionDisabled,
    /// Fields are nested deeper than `limits.depth`.
    LimitDepth,
    /// More aliases than `limits.aliases`.
    LimitAliases,
    /// More root fields than `limits.root_fields`.
    LimitRootFields,
    /// More selections than `limits.fields`.
    LimitFields,
    /// More tokens than `limits.tokens`.
    LimitTokens,
    /// More directives than `limits.directives`.
    LimitDirectives,
    /// More operations in one request than `limits.batch`.
    LimitBatch,
    /// A list of errors was cut at `limits.errors`.
    LimitErrors,
    /// More requests are in flight than `shed.in_flight` allows.
    Overloaded,
    /// More subscriptions at once than the gateway carries.
    LimitSubscriptions,
    /// The backend that `authorize` asks does not let this client listen.
    SubscriptionRefused,
    /// A subscription goes on no more: the message says why.
    SubscriptionEnded,
    /// The operation took longer than `deadline`, or a fetch longer than its source's `timeout`.
    GatewayTimeout,
    /// A source's queue is full, or a request waited in it too long.
    RequestLimitExceeded,
    /// More requests to a source than its `rate_limit` allows.
    RequestRateLimited,
    /// A source failed repeatedly and is left alone for a while (`circuit_breaker`).
    CircuitBreakerOpen,
    /// A backend answered with a failure.
    ConnectorFetch,
    /// A backend could not be reached, or broke off.
    HttpClientError,
    /// A backend's body is not what its content type says, too large, or not of a readable type.
    ConnectorResponseInvalid,
    /// A request could not be built from its inputs.
    ConnectorRequestInvalid,
    /// A mapping reported an error of its own (`->withError`) that says no other code.
    ConnectorsMappingError,
    /// A value does not fit the field's type.
    ValueMismatch,
    /// No value for a non-null field.
    NullInNonNull,
    /// A fault of the gateway.
    Internal,
}

impl Code {
    /// All codes, in their order.
    pub const ALL: [Code; Code::Internal as usize + 1] = [
        Code::BadRequest,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::UnsupportedMediaType,
        Code::NotAcceptable,
        Code::CsrfRefused,
        Code::OriginRefused,
        Code::StreamInUse,
        Code::Unauthenticated,
        Code::PayloadTooLarge,
        Code::RequestTimeout,
        Code::GraphqlParseFailed,
        Code::GraphqlValidationFailed,
        Code::OperationResolutionFailed,
        Code::BadUserInput,
        Code::IntrospectionDisabled,
        Code::LimitDepth,
        Code::LimitAliases,
        Code::LimitRootFields,
        Code::LimitFields,
        Code::LimitTokens,
        Code::LimitDirectives,
        Code::LimitBatch,
        Code::LimitErrors,
        Code::Overloaded,
        Code::LimitSubscriptions,
        Code::SubscriptionRefused,
        Code::SubscriptionEnded,
        Code::GatewayTimeout,
        Code::RequestLimitExceeded,
        Code::RequestRateLimited,
        Code::CircuitBreakerOpen,
        Code::ConnectorFetch,
        Code::HttpClientError,
        Code::ConnectorResponseInvalid,
        Code::ConnectorRequestInvalid,
        Code::ConnectorsMappingError,
        Code::ValueMismatch,
        Code::NullInNonNull,
        Code::Internal,
    ];

    /// As it is written in `extensions.code`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::BadRequest => "BAD_REQUEST",
            Code::NotFound => "NOT_FOUND",
            Code::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Code::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Code::NotAcceptable => "NOT_ACCEPTABLE",
            Code::CsrfRefused => "CSRF_REFUSED",
            Code::OriginRefused => "ORIGIN_REFUSED",
            Code::StreamInUse => "STREAM_IN_USE",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::RequestTimeout => "REQUEST_TIMEOUT",
            Code::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Code::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Code::OperationResolutionFailed => "OPERATION_RESOLUTION_FAILED",
            Code::BadUserInput => "BAD_USER_INPUT",
            Code::IntrospectionDisabled => "INTROSPECTION_DISABLED",
            Code::LimitDepth => "LIMIT_DEPTH",
            Code::LimitAliases => "LIMIT_ALIASES",
            Code::LimitRootFields => "LIMIT_ROOT_FIELDS",
            Code::LimitFields => "LIMIT_FIELDS",
            Code::LimitTokens => "LIMIT_TOKENS",
            Code::LimitDirectives => "LIMIT_DIRECTIVES",
            Code::LimitBatch => "LIMIT_BATCH",
            Code::LimitErrors => "LIMIT_ERRORS",
            Code::Overloaded => "OVERLOADED",
            Code::LimitSubscriptions => "LIMIT_SUBSCRIPTIONS",
            Code::SubscriptionRefused => "SUBSCRIPTION_REFUSED",
            Code::SubscriptionEnded => "SUBSCRIPTION_ENDED",
            Code::GatewayTimeout => "GATEWAY_TIMEOUT",
            Code::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Code::RequestRateLimited => "REQUEST_RATE_LIMITED",
            Code::CircuitBreakerOpen => "CIRCUIT_BREAKER_OPEN",
            Code::ConnectorFetch => "CONNECTOR_FETCH",
            Code::HttpClientError => "HTTP_CLIENT_ERROR",
            Code::ConnectorResponseInvalid => "CONNECTOR_RESPONSE_INVALID",
            Code::ConnectorRequestInvalid => "CONNECTOR_REQUEST_INVALID",
            Code::ConnectorsMappingError => "CONNECTORS_MAPPING_ERROR",
            Code::ValueMismatch => "VALUE_MISMATCH",
            Code::NullInNonNull => "NULL_IN_NON_NULL",
            Code::Internal => "INTERNAL",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Code::GatewayTimeout
            | Code::ConnectorFetch
            | Code::CircuitBreakerOpen
            | Code::HttpClientError
            | Code::ConnectorResponseInvalid
            | Code::ConnectorsMappingError
            | Code::ValueMismatch
            | Code::NullInNonNull => Fault::Upstream,
            Code::Overloaded
            | Code::LimitSubscriptions
            | Code::SubscriptionEnded
            | Code::RequestLimitExceeded
            | Code::RequestRateLimited
            | Code::ConnectorRequestInvalid
            | Code::Internal => Fault::Gateway,
            _ => Fault::Client,
        }
    }
}

/// One entry of `errors` in words that a client may read: no URL, header or body of a backend.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientError {
    /// From the closed table.
    pub code: Code,
    /// For the person who wrote the request.
    pub message: String,
    /// Further extensions; a `code` in it replaces the table's.
    pub extensions: serde_json::Map<String, serde_json::Value>,
}

impl ClientError {
    /// An error without further extensions.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        ClientError { code, message: message.into(), extensions: serde_json::Map::new() }
    }
}
