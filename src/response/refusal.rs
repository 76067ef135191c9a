//! The body of a response to a request that never ran: `errors` and no `data`.

use bytes::Bytes;
use serde_json::json;

use crate::error::ClientError;

/// Writes `{"errors": [{"message": …, "extensions": {"code": …}}]}` (GraphQL, section 7.1: no `data` entry when nothing ran).
#[must_use]
pub fn refusal(error: &ClientError) -> Bytes {
    let mut extensions = serde_json::Map::with_capacity(error.extensions.len() + 1);
    extensions.insert("code".to_owned(), error.code.as_str().into());
    extensions.extend(error.extensions.clone());
    Bytes::from(json!({"errors": [{"message": error.message, "extensions": extensions}]}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_refusal_has_errors_and_no_data() {
        let body = refusal(&ClientError::new(Code::BadRequest, "say \"please\""));
        assert_eq!(body, r#"{"errors":[{"extensions":{"code":"BAD_REQUEST"},"message":"say \"please\""}]}"#);
    }
}
