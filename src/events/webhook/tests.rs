//! Signatures of every scheme: what holds, and what does not for each way in which a delivery can be wrong.

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use http::{HeaderMap, HeaderName};
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::verify::{Message, Unverified, Verified, verify};
use crate::connector::{HmacRules, Secret, SignatureEncoding, SignedTimestamp, StandardKey, Verification};

const NOW: u64 = 1_614_265_330;
const TOLERANCE: Duration = Duration::from_secs(300);
const BODY: &str = r#"{"test": 2432232314}"#;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn check(
    verification: &Verification,
    lines: &[(&str, &str)],
    body: &str,
    now: u64,
) -> Result<(), Unverified> {
    let headers = headers(lines);
    let message = Message { headers: &headers, body: body.as_bytes(), now };
    let verified: Result<Verified<'_>, Unverified> = verify(verification, &message);
    verified.map(|verified| assert_eq!(verified.body, body.as_bytes()))
}

fn mac(secret: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
}

fn shared(encoded: &str) -> StandardKey {
    StandardKey::Shared(Secret::new(BASE64.decode(encoded.as_bytes()).unwrap()))
}

/// The example that the specification's libraries share.
const PUBLISHED: [(&str, &str); 3] = [
    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ("webhook-timestamp", "1614265330"),
    ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
];

fn published() -> Verification {
    let keys = vec![shared("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    Verification::StandardWebhooks { keys, tolerance: TOLERANCE }
}

/// The published example with one header changed.
fn with(name: &str, value: &str) -> Result<(), Unverified> {
    let lines = PUBLISHED.map(|(known, was)| if known == name { (known, value) } else { (known, was) });
    check(&published(), &lines, BODY, NOW)
}

#[test]
fn the_published_example_holds() {
    assert_eq!(check(&published(), &PUBLISHED, BODY, NOW), Ok(()));
}

#[test]
fn a_signature_among_others_holds() {
    let right = PUBLISHED[2].1;
    for signatures in [
        format!("v1,{} {right}", BASE64.encode(&[7; 32])),
        format!("{right} v2,whatever v1a,notbase64"),
        format!("v1a,{} {right}", BASE64.encode(&[7; 64])),
        format!("{}{right}", "v1,AAAA ".repeat(15)),
    ] {
        assert_eq!(with("webhook-signature", &signatures), Ok(()), "{signatures}");
    }
}

#[test]
fn a_signature_that_is_not_the_right_one_does_not_hold() {
    let right = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let unreadable = || Err(Unverified::NoSignature(HeaderName::from_static("webhook-signature")));
    for (signature, expected) in [
        (String::new(), unreadable()),
        (right.to_owned(), unreadable()),
        (format!("v2,{right}"), unreadable()),
        (format!("V1,{right}"), unreadable()),
        (format!("v1={right}"), unreadable()),
        (format!("v1,{}", right.trim_end_matches('=')), unreadable()),
        (format!("v1,{}", &right[..43]), unreadable()),
        (format!("v1,{right} ").repeat(17), unreadable()),
        (format!("v1a,{right}"), Err(Unverified::NoneFits)),
        (format!("v1,{}", &right[..40]), Err(Unverified::NoneFits)),
        (format!("v1,h{}", &right[1..]), Err(Unverified::NoneFits)),
        ("v1,".to_owned(), Err(Unverified::NoneFits)),
    ] {
        assert_eq!(with("webhook-signature", &signature), expected, "{signature}");
    }
}

#[test]
fn every_bit_of_a_body_is_signed() {
    for at in 0..BODY.len() * 8 {
        let mut bytes = BODY.as_bytes().to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        let headers = headers(&PUBLISHED);
        let message = Message { headers: &headers, body: &bytes, now: NOW };
        assert_eq!(verify(&published(), &message).err(), Some(Unverified::NoneFits), "bit {at}");
    }
    // The same JSON, written anew.
    assert_eq!(check(&published(), &PUBLISHED, r#"{"test":2432232314}"#, NOW), Err(Unverified::NoneFits));
}

#[test]
fn a_timestamp_may_be_as_far_off_as_the_tolerance_says() {
    for (now, off) in
        [(NOW + 300, None), (NOW - 300, None), (NOW + 301, Some(301)), (NOW - 301, Some(301)), (0, Some(NOW))]
    {
        let expected = off.map_or(Ok(()), |off| Err(Unverified::OfAnotherTime { off, tolerance: 300 }));
        assert_eq!(check(&published(), &PUBLISHED, BODY, now), expected, "{now}");
    }
    for odd in ["", "+1614265330", " 1614265330", "1614265330.0", "0x60", "99999999999999999999", "-1"] {
        assert_eq!(with("webhook-timestamp", odd), Err(Unverified::NoTimestamp), "{odd}");
    }
    assert_eq!(with("webhook-timestamp", "1614265331"), Err(Unverified::NoneFits));
    assert_eq!(with("webhook-timestamp", "01614265330"), Err(Unverified::NoneFits));
}

/// `a.1.2.{}` is signed for the id `a`; cut elsewhere it would be another delivery.
#[test]
fn a_dot_in_an_id_shifts_nothing() {
    let secret = [7; 32];
    let verification = Verification::StandardWebhooks {
        keys: vec![StandardKey::Shared(Secret::new(secret))],
        tolerance: TOLERANCE,
    };
    let signature = format!("v1,{}", BASE64.encode(&mac(&secret, "a.1614265330.1614265331.{}")));
    let sent = |id: &'static str, timestamp: &'static str| {
        [("webhook-id", id), ("webhook-timestamp", timestamp)].map(|(name, value)| (name, value.to_owned()))
    };
    let check = |id, timestamp, body| {
        let [id, timestamp] = sent(id, timestamp);
        let lines = [(id.0, &*id.1), (timestamp.0, &*timestamp.1), ("webhook-signature", &*signature)];
        check(&verification, &lines, body, NOW)
    };
    assert_eq!(check("a", "1614265330", "1614265331.{}"), Ok(()));
    assert_eq!(check("a.1614265330", "1614265331", "{}"), Err(Unverified::Id));
    assert_eq!(check("", "1614265330", "1614265331.{}"), Err(Unverified::Id));
}

#[test]
fn a_header_stands_there_once() {
    for (name, value) in PUBLISHED {
        let missing: Vec<_> = PUBLISHED.into_iter().filter(|(known, _)| *known != name).collect();
        let header: HeaderName = name.parse().unwrap();
        assert_eq!(check(&published(), &missing, BODY, NOW), Err(Unverified::Missing(header.clone())));
        let twice: Vec<_> = PUBLISHED.into_iter().chain([(name, value)]).collect();
        let mut map = HeaderMap::new();
        twice.iter().for_each(|(name, value)| {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        });
        let message = Message { headers: &map, body: BODY.as_bytes(), now: NOW };
        assert_eq!(verify(&published(), &message).err(), Some(Unverified::Odd(header)));
    }
}

#[test]
fn a_public_key_verifies_what_its_private_key_signed() {
    let (ours, other) = ([1; 32], [2; 32]);
    let pair = |seed: [u8; 32]| Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public: [u8; 32] = pair(ours).public_key().as_ref().try_into().unwrap();
    let verification =
        Verification::StandardWebhooks { keys: vec![StandardKey::Public(public)], tolerance: TOLERANCE };
    let signed = format!("a.{NOW}.{BODY}");
    let check = |signature: &str, body: &str| {
        let timestamp = NOW.to_string();
        let lines =
            [("webhook-id", "a"), ("webhook-timestamp", &*timestamp), ("webhook-signature", signature)];
        check(&verification, &lines, body, NOW)
    };
    let signature = |seed| BASE64.encode(pair(seed).sign(signed.as_bytes()).as_ref());
    assert_eq!(check(&format!("v1a,{}", signature(ours)), BODY), Ok(()));
    assert_eq!(check(&format!("v1a,{}", signature(ours)), "{}"), Err(Unverified::NoneFits));
    assert_eq!(check(&format!("v1a,{}", signature(other)), BODY), Err(Unverified::NoneFits));
    assert_eq!(check(&format!("v1,{}", signature(ours)), BODY), Err(Unverified::NoneFits));
    // A public key is no shared secret: whoever knows it cannot sign.
    let forged = BASE64.encode(&mac(&public, &signed));
    assert_eq!(check(&format!("v1,{forged}"), BODY), Err(Unverified::NoneFits));
}

#[test]
fn any_secret_of_the_list_will_do_and_none_that_was_taken_out() {
    let [old, new] = [[1; 32], [2; 32]];
    let keys = |secrets: &[[u8; 32]]| {
        let keys = secrets.iter().map(|secret| StandardKey::Shared(Secret::new(*secret))).collect();
        Verification::StandardWebhooks { keys, tolerance: TOLERANCE }
    };
    let check = |verification: &Verification, secret: [u8; 32]| {
        let signature = format!("v1,{}", BASE64.encode(&mac(&secret, &format!("a.{NOW}.{BODY}"))));
        let timestamp = NOW.to_string();
        let lines =
            [("webhook-id", "a"), ("webhook-timestamp", &*timestamp), ("webhook-signature", &*signature)];
        check(verification, &lines, BODY, NOW)
    };
    assert_eq!(check(&keys(&[new, old]), old), Ok(()));
    assert_eq!(check(&keys(&[new, old]), new), Ok(()));
    assert_eq!(check(&keys(&[new]), new), Ok(()));
    assert_eq!(check(&keys(&[new]), old), Err(Unverified::NoneFits));
}

#[test]
fn stripe_signs_its_timestamp() {
    let secrets = vec![Secret::new(*b"whsec_of_stripe"), Secret::new(*b"whsec_before")];
    let verification = Verification::Stripe { secrets, tolerance: TOLERANCE };
    let right = HEXLOWER.encode(&mac(b"whsec_of_stripe", &format!("{NOW}.{BODY}")));
    let before = HEXLOWER.encode(&mac(b"whsec_before", &format!("{NOW}.{BODY}")));
    let unreadable = || Err(Unverified::NoSignature(HeaderName::from_static("stripe-signature")));
    for (header, expected) in [
        (format!("t={NOW},v1={right}"), Ok(())),
        (format!("t={NOW}, v1={before}"), Ok(())),
        (format!("v1={right},t={NOW},v0=6ffbb59b2300aae63f272406069a9788598b792a"), Ok(())),
        (format!("t={NOW},v1={},v1={right}", "0".repeat(64)), Ok(())),
        (format!("t={NOW},v0={right}"), unreadable()),
        (format!("t={NOW},v1={}", &right[1..]), unreadable()),
        (format!("t={NOW},v1={}", &right[2..]), Err(Unverified::NoneFits)),
        (format!("t={},v1={right}", NOW + 1), Err(Unverified::NoneFits)),
        (format!("v1={right}"), Err(Unverified::NoTimestamp)),
        (format!("t={NOW},t={},v1={right}", NOW + 1), Err(Unverified::NoTimestamp)),
        (format!("t=,v1={right}"), Err(Unverified::NoTimestamp)),
        (String::new(), Err(Unverified::NoTimestamp)),
    ] {
        assert_eq!(check(&verification, &[("stripe-signature", &header)], BODY, NOW), expected, "{header}");
    }
    let sent = format!("t={NOW},v1={right}");
    let stale = check(&verification, &[("stripe-signature", &sent)], BODY, NOW + 301);
    assert_eq!(stale, Err(Unverified::OfAnotherTime { off: 301, tolerance: 300 }));
}

fn hub(secret: &[u8]) -> Verification {
    Verification::Hmac(HmacRules {
        secrets: vec![Secret::new(secret)],
        header: HeaderName::from_static("x-hub-signature-256"),
        encoding: SignatureEncoding::Hex,
        prefix: "sha256=".to_owned(),
        timestamp: None,
    })
}

/// The example of GitHub's documentation, and what is not quite it.
#[test]
fn github_signs_the_body() {
    let verification = hub(b"It's a Secret to Everybody");
    let right = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let unreadable = || Err(Unverified::NoSignature(HeaderName::from_static("x-hub-signature-256")));
    for (header, expected) in [
        (format!("sha256={right}"), Ok(())),
        (format!("sha256={}", right.to_uppercase()), Ok(())),
        (right.to_owned(), unreadable()),
        (format!("sha1={right}"), unreadable()),
        (format!("sha256={}", &right[1..]), unreadable()),
        (format!("sha256={right}, sha256={right}"), unreadable()),
        (format!("sha256={}", &right[2..]), Err(Unverified::NoneFits)),
        (format!("sha256=85{}", &right[2..]), Err(Unverified::NoneFits)),
        ("sha256=".to_owned(), Err(Unverified::NoneFits)),
    ] {
        let lines = [("x-hub-signature-256", &*header)];
        assert_eq!(check(&verification, &lines, "Hello, World!", NOW), expected, "{header}");
    }
}

/// The example of Slack's documentation.
#[test]
fn slack_signs_a_version_and_a_timestamp() {
    let verification = Verification::Hmac(HmacRules {
        secrets: vec![Secret::new(*b"8f742231b10e8888abcd99yyyzzz85a5")],
        header: HeaderName::from_static("x-slack-signature"),
        encoding: SignatureEncoding::Hex,
        prefix: "v0=".to_owned(),
        timestamp: Some(SignedTimestamp {
            header: HeaderName::from_static("x-slack-request-timestamp"),
            before: "v0:",
            between: ":",
            tolerance: TOLERANCE,
        }),
    });
    let signed = mac(b"8f742231b10e8888abcd99yyyzzz85a5", &format!("v0:{NOW}:{BODY}"));
    let (signature, timestamp) = (format!("v0={}", HEXUPPER.encode(&signed)), NOW.to_string());
    let lines = [("x-slack-request-timestamp", &*timestamp), ("x-slack-signature", &*signature)];
    assert_eq!(check(&verification, &lines, BODY, NOW + 300), Ok(()));
    assert_eq!(
        check(&verification, &lines, BODY, NOW + 301),
        Err(Unverified::OfAnotherTime { off: 301, tolerance: 300 })
    );
    assert_eq!(check(&verification, &lines, "{}", NOW), Err(Unverified::NoneFits));
    let missing = Unverified::Missing(HeaderName::from_static("x-slack-request-timestamp"));
    assert_eq!(check(&verification, &lines[1..], BODY, NOW), Err(missing));
}

#[test]
fn a_plain_hmac_is_written_as_the_rules_say() {
    let rules = |encoding, prefix: &str, timestamp| {
        Verification::Hmac(HmacRules {
            secrets: vec![Secret::new(*b"hush")],
            header: HeaderName::from_static("x-signature"),
            encoding,
            prefix: prefix.to_owned(),
            timestamp,
        })
    };
    let signed = mac(b"hush", BODY);
    let base64 = BASE64.encode(&signed);
    let plain = rules(SignatureEncoding::Base64, "", None);
    assert_eq!(check(&plain, &[("x-signature", &base64)], BODY, NOW), Ok(()));
    assert!(check(&plain, &[("x-signature", &HEXLOWER.encode(&signed))], BODY, NOW).is_err());
    let stamped = rules(
        SignatureEncoding::Hex,
        "v1=",
        Some(SignedTimestamp {
            header: HeaderName::from_static("x-timestamp"),
            before: "",
            between: ".",
            tolerance: TOLERANCE,
        }),
    );
    let (signature, timestamp) =
        (format!("v1={}", HEXLOWER.encode(&mac(b"hush", &format!("{NOW}.{BODY}")))), NOW.to_string());
    assert_eq!(
        check(&stamped, &[("x-signature", &signature), ("x-timestamp", &timestamp)], BODY, NOW),
        Ok(())
    );
    // What is signed without a timestamp is no answer to a rule with one.
    let unstamped = format!("v1={}", HEXLOWER.encode(&signed));
    let lines = [("x-signature", &*unstamped), ("x-timestamp", &*timestamp)];
    assert_eq!(check(&stamped, &lines, BODY, NOW), Err(Unverified::NoneFits));
}

#[test]
fn a_web_page_is_no_sender() {
    assert_eq!(check(&Verification::None, &[], BODY, NOW), Ok(()));
    for origin in ["null", "https://evil.example"] {
        assert_eq!(check(&Verification::None, &[("origin", origin)], BODY, NOW), Err(Unverified::OfPage));
    }
}

proptest::proptest! {
    /// Whatever stands in the headers, it is no signature unless somebody signed.
    #[test]
    fn odd_headers_are_refused(
        id in "[!-~]{0,12}",
        timestamp in "[0-9]{0,3}1614265330|[ -~]{0,12}",
        signature in "(v1a?|v0|t|sha256)?[,= ]{0,2}([A-Za-z0-9+/=]{0,90}|[ -~]{0,40})(,v1=[0-9a-f]{0,70}| v1,[A-Za-z0-9+/=]{0,50}){0,3}",
    ) {
        let lines = [
            ("webhook-id", &*id), ("webhook-timestamp", &*timestamp), ("webhook-signature", &*signature),
            ("stripe-signature", &*signature), ("x-hub-signature-256", &*signature),
        ];
        let stripe = Verification::Stripe { secrets: vec![Secret::new(*b"hush")], tolerance: TOLERANCE };
        for verification in [published(), stripe, hub(b"hush")] {
            proptest::prop_assert!(check(&verification, &lines, BODY, NOW).is_err());
        }
    }
}
