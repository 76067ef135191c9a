//! The connections to Redis that events go over: one for commands, one on which Redis says in which topics there is something new.
//! One task makes them, watches them, and makes them again. Not for what is read then: the parent.

use std::{fmt, time::Duration};

use redis::{
    Client, FromRedisValue, RedisResult, ScriptInvocation,
    aio::{MultiplexedConnection, PubSub},
};
use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

use super::super::HubError;
use crate::{config::Redis, instances};

/// How long a command may take, waiting for a connection included: less than senders of webhooks wait, more than a server that
/// takes the place of another one needs.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The way to Redis, there or not.
pub(super) struct Link {
    client: Client,
    pub(super) prefix: String,
    /// The connection for commands, and its number.
    ready: watch::Sender<Option<(u64, MultiplexedConnection)>>,
    /// Tells that a command failed: the connections are given up.
    pub(super) broken: Notify,
}

impl Link {
    pub(super) fn new(settings: &Redis) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Link {
            client: instances::client(settings)?,
            prefix: instances::prefix(settings),
            ready: watch::Sender::new(None),
            broken: Notify::new(),
        })
    }

    /// Where Redis says in which topics there is something new.
    pub(super) fn channel(&self) -> String {
        format!("{}:events", self.prefix)
    }

    /// Runs a script, for at most [`ANSWER_MAX`]. Where that fails, whether it was run is not known.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        script: ScriptInvocation<'static>,
    ) -> Result<T, HubError> {
        let until = Instant::now() + ANSWER_MAX;
        let mut ready = self.ready.subscribe();
        let connected = time::timeout_at(until, ready.wait_for(Option::is_some)).await;
        let connection = connected.ok().and_then(Result::ok).and_then(|ready| ready.clone());
        let Some((number, mut connection)) = connection else {
            return Err(HubError::Unavailable("redis is not reached".to_owned()));
        };
        match time::timeout_at(until, script.invoke_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                // Redis itself refused, and the connection is sound; but one that became a replica stays one for long.
                if error.code().is_none() || error.code() == Some("READONLY") {
                    self.give_up(number, &error.to_string());
                }
                Err(HubError::Unavailable(error.to_string()))
            }
            Err(_) => {
                self.give_up(number, "no answer in time");
                Err(HubError::Unavailable("redis does not answer in time".to_owned()))
            }
        }
    }

    /// Waits for a connection.
    pub(super) async fn connected(&self) {
        let _ = self.ready.subscribe().wait_for(Option::is_some).await;
    }

    fn give_up(&self, number: u64, why: &str) {
        // Others may have seen the same failure, and a new connection may be there already.
        let is_given_up = self.ready.send_if_modified(|ready| {
            let is_it = ready.as_ref().is_some_and(|(known, _)| *known == number);
            if is_it {
                *ready = None;
            }
            is_it
        });
        if is_given_up {
            tracing::warn!(reason = why, "the connection to redis is given up; events wait until it is back");
            self.broken.notify_one();
        }
    }

    /// Connects; from now on commands find the connection, and wake-ups come in over what is given.
    pub(super) async fn connect(&self, number: u64) -> RedisResult<PubSub> {
        let (wake_ups, commands) = instances::connect(&self.client, self.channel(), ANSWER_MAX).await?;
        self.ready.send_replace(Some((number, commands)));
        Ok(wake_ups)
    }

    /// The connections are not used any more.
    pub(super) fn disconnect(&self) {
        self.ready.send_replace(None);
    }
}

/// Nothing of the connection, which knows a password.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("is_ready", &self.ready.borrow().is_some()).finish_non_exhaustive()
    }
}
