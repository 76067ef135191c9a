//! What a sender asks before it sends deliveries: Slack by a signed delivery, Meta by a GET.

use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;

use crate::{connector::Handshake, mapping::value::Value};

/// Longer than any challenge: what is answered is what somebody sent.
const CHALLENGE_BYTES_MAX: usize = 1_024;

/// The challenge of a verified delivery that is Slack's question.
pub(super) fn asked_by_delivery(handshake: &Handshake, body: &Value<'_>) -> Option<String> {
    let text = |key: &str| if let Some(Value::String(text)) = body.get(key) { Some(text) } else { None };
    let is_question = matches!(handshake, Handshake::Slack) && text("type") == Some("url_verification");
    text("challenge").filter(|challenge| is_question && is_plain(challenge)).map(str::to_owned)
}

/// The challenge of a GET that knows the token, where the sender asks by GET.
pub(super) fn asked_by_get(handshake: &Handshake, query: &str) -> Option<Option<String>> {
    let Handshake::Meta { verify_token } = handshake else { return None };
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| percent_decode_str(key).eq(name.bytes()));
        let (_, value) = values.next()?;
        // Of two, somebody on the way may have read the other one.
        let decoded = percent_decode_str(value).decode_utf8().ok().filter(|_| values.next().is_none())?;
        Some(decoded.into_owned())
    };
    let knows_token = parameter("hub.verify_token")
        .is_some_and(|token| token.as_bytes().ct_eq(verify_token.bytes()).into());
    let asks = knows_token && parameter("hub.mode").as_deref() == Some("subscribe");
    Some(parameter("hub.challenge").filter(|challenge| asks && is_plain(challenge)))
}

/// Nothing that could be more than a text, wherever it is shown.
fn is_plain(challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:".contains(&byte);
    (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len()) && challenge.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Secret;

    #[test]
    fn meta_is_answered_who_knows_the_token() {
        let meta = Handshake::Meta { verify_token: Secret::new(*b"to ken") };
        let asked = |query: &str| asked_by_get(&meta, query).unwrap();
        let right = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=to%20ken";
        assert_eq!(asked(right).as_deref(), Some("1158201444"));
        let encoded = "hub%2Emode=subscribe&hub%2Echallenge=a%2Fb&hub%2Everify_token=to%20ken";
        assert_eq!(asked(encoded).as_deref(), Some("a/b"));
        for wrong in [
            "",
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=to",
            "hub.mode=subscribe&hub.challenge=1",
            "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=to%20ken",
            "hub.mode=subscribe&hub.verify_token=to%20ken",
            "hub.mode=subscribe&hub.challenge=&hub.verify_token=to%20ken",
            "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=to%20ken",
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token=to%20ken",
            "hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=to%20ken",
        ] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
        assert_eq!(asked_by_get(&Handshake::Slack, right), None);
    }

    #[test]
    fn slack_is_answered_its_challenge() {
        let body = [("type", Value::String("url_verification")), ("challenge", Value::String("3eZbrw1aB"))];
        let asked = |handshake: &Handshake| asked_by_delivery(handshake, &Value::Object(&body));
        assert_eq!(asked(&Handshake::Slack).as_deref(), Some("3eZbrw1aB"));
        assert_eq!(asked(&Handshake::None), None);
        let event = [("type", Value::String("event_callback")), ("challenge", Value::String("3eZbrw1aB"))];
        assert_eq!(asked_by_delivery(&Handshake::Slack, &Value::Object(&event)), None);
    }
}
