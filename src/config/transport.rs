//! `tls`, `http`, `redirects` and `auth` of a connector file, as they are written. Files are read and defaults come in when
//! the graph is bound.

use std::time::Duration;

use super::{
    environment::Text,
    keys::{Form, Group, Key, Kind, Rule, WAIT},
    values::{Placed, Value, Values},
};
use crate::diagnostic::Place;

pub(super) const TLS: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "ca",
            Kind::Text,
            "A PEM file of certificate authorities, relative to this file: these are trusted, and no others.",
        )
        .examples(&["certs/ca.pem"]),
        Key::new("cert", Kind::Text, "A PEM file with Ficus's own certificate and its chain (mTLS).")
            .examples(&["certs/ficus.pem"]),
        Key::new("key", Kind::Text, "A PEM file with the certificate's private key, not encrypted.")
            .examples(&["certs/ficus.key"]),
    ],
};

pub(super) const HTTP: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "version",
            Kind::Form(&VERSION),
            "`1` and `2` are that version only, `2` without TLS from the first byte on; `auto` is what TLS negotiates, and \
             HTTP/1.1 without TLS.",
        )
        .default("auto"),
        Key::new("pool_idle", WAIT, "How long an idle connection is kept.").default("90s"),
        Key::new("connect_timeout", WAIT, "How long a connection may take to stand.").default("1s"),
        Key::new(
            "proxy",
            Kind::Text,
            "The HTTP proxy that all requests to this source go through. The environment's is never used.",
        )
        .examples(&["http://proxy.internal:3128", "http://${PROXY_USER}:${PROXY_PASSWORD}@proxy.internal:3128"]),
    ],
};

const VERSION: Form = Form {
    expected: "`auto`, `1` or `2`",
    pattern: "auto|1|2",
    integers: Some((1, 2)),
    holds: |text| matches!(text, "auto" | "1" | "2"),
};

pub(super) const REDIRECTS: Kind = Kind::Word(&["none", "same_origin"]);

pub(super) const AUTH: Group = Group {
    rule: None,
    keys: &[Key::new(
        "oauth2_client_credentials",
        Kind::Group(&CLIENT_CREDENTIALS),
        "OAuth 2.0 client credentials: Ficus fetches a token, sends it as `Authorization: Bearer`, and renews it in time.",
    )],
};

const CLIENT_CREDENTIALS: Group = Group {
    rule: Some(Rule {
        required: &["token_url", "client_id", "client_secret"],
        one_of: None,
        message: "client credentials need `token_url`, `client_id` and `client_secret`",
        help: "example: `{ token_url: https://id.internal/token, client_id: ficus, client_secret: \"${ORDERS_SECRET}\" }`",
    }),
    keys: &[
        Key::new("token_url", Kind::Text, "Where tokens are asked for.")
            .examples(&["https://id.internal/oauth2/token"]),
        Key::new("client_id", Kind::Text, "Who asks.").examples(&["ficus"]),
        Key::new("client_secret", Kind::Text, "Proves it; never shown.").examples(&["${ORDERS_SECRET}"]),
        Key::new("scopes", Kind::List(&Kind::Text), "What the token is for.").examples(&["orders:read"]),
        Key::new("audience", Kind::Text, "Whom the token is for, where the token endpoint asks for it."),
        Key::new(
            "client_auth",
            Kind::Word(&["basic", "post"]),
            "Where id and secret stand: in an `Authorization` header, or in the form.",
        )
        .default("basic"),
    ],
};

/// `tls` in a connector file.
#[derive(Debug, Clone)]
pub struct TlsFile {
    /// Path of the certificate authorities.
    pub ca: Option<Placed<Text>>,
    /// Path of the client certificate.
    pub cert: Option<Placed<Text>>,
    /// Path of its key.
    pub key: Option<Placed<Text>>,
    /// Whether a path is written that could not be read: it is not missing then.
    pub faulty: bool,
    /// All of it.
    pub place: Place,
}

/// `http` in a connector file.
#[derive(Debug, Clone)]
pub struct HttpFile {
    /// `auto`, `1` or `2`.
    pub version: Option<String>,
    /// How long an idle connection is kept.
    pub pool_idle: Option<Duration>,
    /// How long a connection may take to stand.
    pub connect_timeout: Option<Duration>,
    /// The proxy's URL.
    pub proxy: Option<Placed<Text>>,
}

/// `auth.oauth2_client_credentials` in a connector file.
#[derive(Debug, Clone)]
pub struct ClientCredentialsFile {
    /// Where tokens are asked for.
    pub token_url: Placed<Text>,
    /// Who asks.
    pub client_id: Placed<Text>,
    /// Proves it.
    pub client_secret: Placed<Text>,
    /// What the token is for.
    pub scopes: Vec<Placed<Text>>,
    /// Whom the token is for.
    pub audience: Option<Placed<Text>>,
    /// Whether id and secret stand in the form.
    pub in_form: bool,
    /// All of it.
    pub place: Place,
}

pub(super) fn tls(values: &Values) -> TlsFile {
    let keys = ["ca", "cert", "key"];
    TlsFile {
        ca: values.text("ca"),
        cert: values.text("cert"),
        key: values.text("key"),
        faulty: keys.iter().any(|key| values.has(key) && values.text(key).is_none()),
        place: values.place.clone(),
    }
}

pub(super) fn http(values: &Values) -> HttpFile {
    HttpFile {
        version: values.formed("version"),
        pool_idle: values.duration("pool_idle"),
        connect_timeout: values.duration("connect_timeout"),
        proxy: values.text("proxy"),
    }
}

/// None where something needed has a fault, which was reported.
pub(super) fn client_credentials(auth: &Values) -> Option<ClientCredentialsFile> {
    let values = auth.group("oauth2_client_credentials")?;
    let scopes = values.list("scopes").iter();
    Some(ClientCredentialsFile {
        token_url: values.text("token_url")?,
        client_id: values.text("client_id")?,
        client_secret: values.text("client_secret")?,
        scopes: scopes
            .filter_map(|scope| if let Value::Text(text) = scope { Some(text.clone()) } else { None })
            .collect(),
        audience: values.text("audience"),
        in_form: values.word("client_auth") == Some("post"),
        place: values.place.clone(),
    })
}
