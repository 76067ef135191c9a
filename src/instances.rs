//! The way to the Redis or Valkey where instances of the gateway meet (`redis` of `ficus.yaml`): the client with its certificates, and
//! how connections are made and watched. Not for what is said over them: `fetch::cache` and `events` each have their own.

use std::{path::Path, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ErrorKind, RedisResult, TlsCertificates,
    aio::{MultiplexedConnection, PubSub, PubSubSink},
};
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::config::Redis;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a silent connection is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Between attempts to connect: at first, and at most.
pub(crate) const BACKOFF: Duration = Duration::from_millis(100);
/// See [`BACKOFF`].
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// A client, which has no connection yet.
///
/// # Errors
/// When the URL or a certificate cannot be read.
pub(crate) fn client(settings: &Redis) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let Some(tls) = &settings.tls else { return Ok(Client::open(settings.url.as_str())?) };
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let client_tls = match &tls.identity {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    let root_cert = tls.ca.as_deref().map(read).transpose()?;
    Ok(Client::build_with_tls(settings.url.as_str(), TlsCertificates { client_tls, root_cert })?)
}

async fn commands(client: &Client, timeout: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(timeout.max(Duration::from_millis(1))));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Connects twice: for what others say on a channel, and for commands, each of which may take so long.
///
/// # Errors
/// When nobody answers in time, or does not let us in.
pub(crate) async fn connect(
    client: &Client,
    channel: String,
    timeout: Duration,
) -> RedisResult<(PubSub, MultiplexedConnection)> {
    let connect = async {
        let mut heard = client.get_async_pubsub().await?;
        heard.subscribe(channel).await?;
        Ok((heard, commands(client, timeout).await?))
    };
    let in_time = time::timeout(CONNECT_TIMEOUT, connect).await;
    in_time.unwrap_or_else(|_| Err((ErrorKind::Io, "no connection in time").into()))
}

/// When a silent connection is asked whether it lives.
pub(crate) fn pings() -> Interval {
    let mut pings = time::interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Whether a connection lives.
pub(crate) async fn answers(connection: &mut PubSubSink) -> bool {
    matches!(time::timeout(CONNECT_TIMEOUT, connection.ping::<redis::Value>()).await, Ok(Ok(_)))
}

/// What the names of all our keys begin with: in braces, so that those which one script touches are together.
pub(crate) fn prefix(settings: &Redis) -> String {
    format!("{{{}}}", settings.prefix)
}
