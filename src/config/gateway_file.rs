//! `ficus.yaml`: how the gateway itself listens, limits and logs. Optional; what it does not say is the default.

use std::time::Duration;

use super::{
    Admin, Config, Limits, LogFormat,
    environment::Lookup,
    reader::{Fields, Reader, wait},
    yaml::{self, Node},
};
use crate::diagnostic::{Diagnostics, TextFile};

/// Keys that are documented and not built.
const LATER: &[&str] =
    &["trusted_proxies", "share_operations", "cache_memory", "shed", "redis", "events", "websocket"];

#[derive(Clone, Copy)]
enum Profile {
    Hardened,
    Open,
}

/// Reads `ficus.yaml`. Faults are reported and leave the default in place.
pub fn read_gateway_file(file: &TextFile, lookup: Lookup<'_>, diagnostics: &mut Diagnostics) -> Config {
    let Some(root) = yaml::parse(file, diagnostics) else { return Config::default() };
    let mut reader = Reader { file, lookup, diagnostics };
    let Some(mut fields) = reader.fields(&root, "") else { return Config::default() };
    let profiles = [("hardened", Profile::Hardened), ("open", Profile::Open)];
    let profile = fields.take("profile").and_then(|node| reader.word(node, &profiles));
    let mut config = match profile {
        Some(Profile::Open) => Config::open(),
        Some(Profile::Hardened) | None => Config::default(),
    };
    set(&mut config.listen, fields.take("listen"), |node| reader.address(node));
    set(&mut config.path, fields.take("path"), |node| path(&mut reader, node));
    set(&mut config.introspection, fields.take("introspection"), |node| reader.boolean(node));
    set(&mut config.playground, fields.take("playground"), |node| reader.boolean(node));
    set(&mut config.debugger, fields.take("debugger"), |node| reader.boolean(node));
    set(&mut config.suggestions, fields.take("suggestions"), |node| reader.boolean(node));
    set(&mut config.csrf, fields.take("csrf"), |node| reader.boolean(node));
    set(&mut config.cors_origins, fields.take("cors"), |node| cors(&mut reader, node));
    set(&mut config.compression, fields.take("compression"), |node| reader.boolean(node));
    set(&mut config.deadline, fields.take("deadline"), |node| reader.duration(node, wait()));
    if let Some(node) = fields.take("limits") {
        limits(&mut reader, node, &mut config.limits);
    }
    // Zero is meaningful: end at once.
    let drain = Duration::ZERO..=Duration::from_secs(3_600);
    set(&mut config.drain, fields.take("drain"), |node| reader.duration(node, drain));
    set(&mut config.log, fields.take("telemetry"), |node| telemetry(&mut reader, node));
    set(&mut config.admin, fields.take("admin"), |node| admin(&mut reader, node));
    reader.finish(fields, LATER);
    config
}

/// Puts a value that is written and right in the place of the default.
fn set<'n, T>(target: &mut T, node: Option<&'n Node>, read: impl FnOnce(&'n Node) -> Option<T>) {
    if let Some(value) = node.and_then(read) {
        *target = value;
    }
}

fn path(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    reader.parsed(node, "a path such as `/graphql`", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        // `/` is the playground's and `/health` the probes': the endpoint must not hide them.
        let taken = text == "/" || text == "/health" || text.starts_with("/health/");
        let valid = text.starts_with('/') && !text.contains("//") && text.chars().all(plain) && !taken;
        valid.then(|| text.to_owned())
    })
}

fn cors(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let mut fields = reader.fields(node, "cors")?;
    let mut origins = Vec::new();
    if let Some(node) = fields.take("origins") {
        for item in reader.items(node) {
            origins.extend(reader.parsed(item, "`*` or an origin such as `https://shop.example`", origin));
        }
    }
    reader.finish(fields, &[]);
    Some(origins)
}

/// `*`, or scheme, host and port as browsers send them: lower case, without a path.
fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let uri: http::Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let origin = format!("{scheme}://{authority}").to_lowercase();
    (origin == text.to_lowercase()).then_some(origin)
}

fn limits(reader: &mut Reader<'_>, node: &Node, limits: &mut Limits) {
    let Some(mut fields) = reader.fields(node, "limits") else { return };
    let mut count = |fields: &mut Fields<'_>, name, target: &mut usize, least| {
        set(target, fields.take(name), |node| reader.integer(node, least..=10_000_000));
    };
    count(&mut fields, "depth", &mut limits.depth_max, 1);
    // Zero aliases and zero directives are sensible bans.
    count(&mut fields, "aliases", &mut limits.aliases_max, 0);
    count(&mut fields, "root_fields", &mut limits.root_fields_max, 1);
    count(&mut fields, "fields", &mut limits.fields_max, 1);
    count(&mut fields, "tokens", &mut limits.tokens_max, 1);
    count(&mut fields, "directives", &mut limits.directives_max, 0);
    count(&mut fields, "batch", &mut limits.batch_max, 0);
    count(&mut fields, "errors", &mut limits.errors_max, 1);
    count(&mut fields, "connections", &mut limits.connections_max, 1);
    set(&mut limits.body_bytes_max, fields.take("body"), |node| reader.size(node, 1..=1 << 30));
    set(&mut limits.header_read, fields.take("header_read"), |node| reader.duration(node, wait()));
    set(&mut limits.body_read, fields.take("body_read"), |node| reader.duration(node, wait()));
    reader.finish(fields, &[]);
}

fn telemetry(reader: &mut Reader<'_>, node: &Node) -> Option<LogFormat> {
    let mut fields = reader.fields(node, "telemetry")?;
    let formats = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let log = fields.take("log").and_then(|node| reader.word(node, &formats));
    reader.finish(fields, &["otlp"]);
    log
}

fn admin(reader: &mut Reader<'_>, node: &Node) -> Option<Option<Admin>> {
    let mut fields = reader.fields(node, "admin")?;
    let mut admin = Admin::default();
    let mut enabled = true;
    set(&mut enabled, fields.take("enabled"), |node| reader.boolean(node));
    let listen = fields.take("listen");
    set(&mut admin.listen, listen, |node| reader.address(node));
    if let Some(node) = fields.take("token") {
        // An unset variable with an empty default means: no token.
        admin.token = reader.text(node).map(|text| text.value()).filter(|token| !token.is_empty());
    }
    reader.finish(fields, &[]);
    if enabled && admin.token.is_none() && !admin.listen.ip().is_loopback() {
        reader.invalid(
            listen.unwrap_or(node),
            "the admin listener would be open to the network without a token",
            "set `admin.token`, or listen on 127.0.0.1",
        );
    }
    Some(enabled.then_some(admin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let file = TextFile::new("ficus.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let lookup = |name: &str| (name == "TOKEN").then(|| "t0k3n".to_owned());
        let config = read_gateway_file(&file, &lookup, &mut diagnostics);
        let shown =
            diagnostics.into_sorted().iter().map(|d| format!("{} {}", d.place.line, d.message)).collect();
        (config, shown)
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let (config, faults) =
            read("profile: open\nintrospection: false\nlimits: { depth: 7, body: 1KiB }\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert!(!config.introspection && config.playground && config.debugger && config.csrf);
        assert_eq!(config.limits, Limits { depth_max: 7, body_bytes_max: 1024, ..Limits::default() });
    }

    #[test]
    fn the_admin_listener() {
        let (config, faults) = read("admin: { listen: '0.0.0.0:9', token: '${TOKEN}' }");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.admin.unwrap().token.as_deref(), Some("t0k3n"));
        assert!(read("admin: { enabled: false }").0.admin.is_none());
        let (_, faults) = read("admin: { listen: '0.0.0.0:9', token: '${NO:-}' }");
        assert_eq!(faults, ["1 the admin listener would be open to the network without a token"]);
    }

    #[test]
    fn all_faults_at_once() {
        let (_, faults) = read(
            "listen: here\npath: graphql\ncors: { origins: ['https://a.example/x', '*', 'https://A.example'] }\n\
             limits: { depth: 0, dept: 3 }\nredis: { url: x }\ndeadline: 0s\ntelemetry: { otlp: x, log: xml }\n",
        );
        let expected = [
            "1 `here` is not an address and a port such as `127.0.0.1:4000`",
            "2 `graphql` is not a path such as `/graphql`",
            "3 `https://a.example/x` is not `*` or an origin such as `https://shop.example`",
            "4 the value is too small",
            "4 unknown key `limits.dept`",
            "5 `redis` is not supported yet",
            "6 the value is too small",
            "7 `telemetry.otlp` is not supported yet",
            "7 `xml` is not one of `pretty`, `json`",
        ];
        assert_eq!(faults, expected);
    }
}
