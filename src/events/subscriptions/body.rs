//! Bodies that are told without an execution, or made of one that was written already: the notice of a gap.

use bytes::Bytes;

/// What is told where events are missing and nothing else is there to be told: they are no longer kept.
pub(super) const GAP: &[u8] = br#"{"data":null,"extensions":{"gap":true}}"#;

/// The same answer, saying that others before it are missing.
pub(super) fn with_gap(body: &Bytes, has_extensions: bool) -> Bytes {
    // `extensions` stand last, and are never written empty.
    let (end, notice): (&[u8], &[u8]) = match has_extensions {
        true => (b"}}", br#","gap":true"#),
        false => (b"}", br#","extensions":{"gap":true}"#),
    };
    let Some(begin) = body.strip_suffix(end) else { return body.clone() };
    [begin, notice, end].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_stands_among_the_extensions() {
        let told = |body: &'static str, has_extensions| {
            let body = with_gap(&Bytes::from_static(body.as_bytes()), has_extensions);
            String::from_utf8_lossy(&body).into_owned()
        };
        assert_eq!(
            told(r#"{"data":{"a":1},"extensions":{"eventId":"7-0"}}"#, true),
            r#"{"data":{"a":1},"extensions":{"eventId":"7-0","gap":true}}"#
        );
        assert_eq!(told(r#"{"data":{"a":{}}}"#, false), r#"{"data":{"a":{}},"extensions":{"gap":true}}"#);
    }
}
