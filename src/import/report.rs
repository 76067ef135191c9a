//! What was imported and what was not, with a reason each: for people on standard error, and as JSON.

use serde_json::{Value, json};

/// Why something is left out or simplified. The texts are stable: counts are made by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// HEAD, OPTIONS and TRACE have no place in a graph.
    UnsupportedMethod,
    /// The answer is a file, an image, a stream.
    BinaryResponse,
    /// The answer is neither JSON nor plain text.
    UnreadableResponse,
    /// No response means success.
    NoSuccessResponse,
    /// The body is sent in parts, as files are.
    MultipartBody,
    /// The body is neither JSON nor a form.
    UnsupportedBody,
    /// A parameter cannot be sent as the document wants it.
    UnsupportedParameter,
    /// A `$ref` leads nowhere.
    UnresolvedRef,
    /// A `$ref` leads to another file or URL.
    ExternalRef,
    /// The document does not say what it must say.
    Malformed,
    /// A bound of the importer is reached.
    TooLarge,
    /// What was made of it did not pass the check.
    NotAccepted,
    /// Callbacks and webhooks are calls to the client.
    Callback,
    /// A link cannot be followed with what the response holds.
    UnsupportedLink,
    /// A part of a type lies deeper than any selection goes.
    TooDeep,
    /// A schema says what GraphQL has no type for: its values are `JSON`.
    Untyped,
}

impl Code {
    /// As it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::UnsupportedMethod => "UNSUPPORTED_METHOD",
            Code::BinaryResponse => "BINARY_RESPONSE",
            Code::UnreadableResponse => "UNREADABLE_RESPONSE",
            Code::NoSuccessResponse => "NO_SUCCESS_RESPONSE",
            Code::MultipartBody => "MULTIPART_BODY",
            Code::UnsupportedBody => "UNSUPPORTED_BODY",
            Code::UnsupportedParameter => "UNSUPPORTED_PARAMETER",
            Code::UnresolvedRef => "UNRESOLVED_REF",
            Code::ExternalRef => "EXTERNAL_REF",
            Code::Malformed => "MALFORMED",
            Code::TooLarge => "TOO_LARGE",
            Code::NotAccepted => "NOT_ACCEPTED",
            Code::Callback => "CALLBACK",
            Code::UnsupportedLink => "UNSUPPORTED_LINK",
            Code::TooDeep => "TOO_DEEP",
            Code::Untyped => "UNTYPED",
        }
    }
}

/// An operation, or a part of one, that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Why, for counts.
    pub code: Code,
    /// `GET /users`, or the name of a type.
    pub subject: String,
    /// Where it stands in the document: a JSON pointer with `#` before it.
    pub pointer: String,
    /// Why, for people.
    pub reason: String,
}

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Operations of the document.
    pub operations: usize,
    /// Those that became fields.
    pub imported: usize,
    /// Those that did not.
    pub skipped: Vec<Skip>,
    /// Parts of imported operations and types that are left out or simplified.
    pub notes: Vec<Skip>,
}

impl Report {
    /// As JSON: `{operations, imported, skipped: [{code, subject, pointer, reason}], notes: […]}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let skip = |skip: &Skip| json!({"code": skip.code.as_str(), "subject": skip.subject, "pointer": skip.pointer, "reason": skip.reason});
        let list = |skips: &[Skip]| Value::Array(skips.iter().map(skip).collect());
        let report = json!({
            "operations": self.operations,
            "imported": self.imported,
            "skipped": list(&self.skipped),
            "notes": list(&self.notes),
        });
        format!("{report:#}\n")
    }

    /// For people: a line for each skip and note.
    #[must_use]
    pub fn to_text(&self) -> String {
        let line = |what: &str, skip: &Skip| {
            format!("{what}[{}] {}: {} ({})\n", skip.code.as_str(), skip.subject, skip.reason, skip.pointer)
        };
        let skipped = self.skipped.iter().map(|skip| line("skipped", skip));
        skipped.chain(self.notes.iter().map(|note| line("note", note))).collect()
    }
}
