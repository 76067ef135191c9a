//! `redis` of `ficus.yaml`: where the gateway's instances meet.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    environment::Text,
    keys::{Form, Group, Key, Kind, WAIT},
    reader::Reader,
    transport::{self, TLS, TlsFile},
    values::{Placed, Values},
};

pub(super) const REDIS: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "url",
            Kind::Form(&URL),
            "Where Redis or Valkey is; `rediss://` is TLS. User, password and database may stand in it.",
        )
        .examples(&["redis://127.0.0.1:6379", "${REDIS_URL}"]),
        Key::new("timeout", WAIT, "How long a look-up may take; what takes longer is not waited for.")
            .default("100ms"),
        Key::new("private", Kind::Boolean, "Whether answers that are one client's are kept there too.")
            .default("false"),
        Key::new("prefix", Kind::Form(&PREFIX), "What the names of its keys begin with, in braces.")
            .default("ficus"),
        Key::new("tls", Kind::Group(&TLS), "Certificates, where the system's are not the right ones."),
    ],
};

const URL: Form = Form {
    expected: "a URL such as `redis://127.0.0.1:6379` or `rediss://user:password@cache.internal:6380/0`",
    pattern: "rediss?://.+",
    integers: None,
    holds: |text| {
        let below = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://"));
        below.is_some_and(|below| !below.is_empty() && !below.contains(char::is_whitespace))
    },
};

const PREFIX: Form = Form {
    expected: "letters, digits, `-`, `_`, `.` and `:`",
    pattern: "[A-Za-z0-9._:-]+",
    integers: None,
    holds: |text| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.:".contains(letter))
    },
};

/// What is shared over Redis or Valkey, and how it is reached (`redis` in `ficus.yaml`).
#[derive(Clone)]
pub struct Redis {
    /// `redis://`, or `rediss://` for TLS; user, password and database may stand in it.
    pub url: String,
    /// How long a look-up may take; what takes longer is not waited for. Default 100 ms.
    pub timeout: Duration,
    /// Whether answers that are one client's are kept there too. Default false.
    pub private: bool,
    /// What the names of its keys begin with. Default `ficus`.
    pub prefix: String,
    /// Certificates, where the system's are not the right ones.
    pub tls: Option<RedisTls>,
}

/// Files with certificates, in PEM.
#[derive(Debug, Clone, Default)]
pub struct RedisTls {
    /// The authorities that are trusted, in place of the system's.
    pub ca: Option<PathBuf>,
    /// The client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Redis {
    /// Redis at a URL, and the defaults.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        // What is in memory takes a millisecond; beyond a hundred, asking the backend is the better way.
        let timeout = Duration::from_millis(100);
        Redis { url: url.into(), timeout, private: false, prefix: "ficus".to_owned(), tls: None }
    }
}

/// Shows nothing of the URL, which may hold a password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Redis { url: _, timeout, private, prefix, tls } = self;
        f.debug_struct("Redis")
            .field("timeout", timeout)
            .field("private", private)
            .field("prefix", prefix)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}

/// None where something needed is missing or has a fault, which was reported.
pub(super) fn redis(reader: &mut Reader<'_>, values: &Values) -> Option<Redis> {
    let Some(url) = values.formed("url") else {
        if !values.has("url") {
            let help = "example: `redis: { url: redis://127.0.0.1:6379 }`";
            reader.refuse(values.place.clone(), "`redis` needs a `url`", help);
        }
        return None;
    };
    let defaults = Redis::at(url);
    Some(Redis {
        timeout: values.duration("timeout").unwrap_or(defaults.timeout),
        private: values.boolean("private").unwrap_or(defaults.private),
        prefix: values.formed("prefix").unwrap_or(defaults.prefix),
        tls: values.group("tls").map(|written| tls(reader, written)),
        url: defaults.url,
    })
}

fn tls(reader: &mut Reader<'_>, values: &Values) -> RedisTls {
    let folder = Path::new(&*reader.file.name).parent().unwrap_or(Path::new("")).to_owned();
    let path = |written: Option<Placed<Text>>| written.map(|path| folder.join(path.value.value()));
    let TlsFile { ca, cert, key, .. } = transport::tls(values);
    if values.has("cert") != values.has("key") {
        let help = "a client certificate has both; leave both out to show none";
        reader.refuse(values.place.clone(), "`tls.cert` and `tls.key` go together", help);
    }
    RedisTls { ca: path(ca), identity: path(cert).zip(path(key)) }
}
