//! Tokens for backends (OAuth 2.0 client credentials, RFC 6749, section 4.4): fetched by one caller while the others wait, kept
//! until shortly before they expire, and fetched anew when a backend refuses one. What goes wrong with a token endpoint is
//! told without a word of what it was sent or said.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use tokio::time::Instant;

use super::{UpstreamResponse, answer::exchange};
use crate::{
    connector::{ClientAuthentication, ClientCredentials, Source},
    error::Code,
    fetch::{FetchError, Trouble},
};

/// What a token endpoint says is a few hundred bytes, of long tokens a few thousand.
const GRANT_BYTES_MAX: usize = 64 << 10;
/// A token is renewed in the last tenth of its life, and in its last half minute at most.
const MARGIN_MAX: Duration = Duration::from_secs(30);
/// Where an endpoint does not say how long its token lives.
const LIFE_UNSAID: Duration = Duration::from_secs(300);
/// Between two tokens that are fetched because the backend refused the one before: a backend that refuses all of them must
/// not make every request one for a token.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// How long a refusal of the endpoint stands: asking again with the same secret gets clients locked out.
const REFUSAL_HOLDS: Duration = Duration::from_secs(5);
/// What a form keeps as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The tokens of all sources.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By source. One whose credentials changed with a reload begins anew.
    holders: RwLock<HashMap<String, Arc<Holder>>>,
}

/// The token of one source.
pub(super) struct Holder {
    source: Arc<Source>,
    auth: Arc<ClientCredentials>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    /// The one before: a backend may still speak of it.
    previous: Option<Arc<Token>>,
    /// The fetch that is under way.
    fetching: Option<Fetching>,
    /// When a token was last renewed because a backend refused it.
    renewed: Option<Instant>,
    /// What the endpoint refused, and when.
    refused: Option<(Instant, FetchError)>,
}

type Fetching = Shared<BoxFuture<'static, Result<Arc<Token>, FetchError>>>;

/// A token.
pub(super) struct Token {
    header: HeaderValue,
    /// From then on another one is fetched.
    renew_at: Instant,
    /// From then on it is not used any more.
    expires_at: Instant,
}

impl Token {
    /// The value of `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl Tokens {
    /// Who holds the token of a source.
    pub(super) fn of(&self, source: &Arc<Source>, auth: &Arc<ClientCredentials>) -> Arc<Holder> {
        let is_same = |holder: &&Arc<Holder>| Arc::ptr_eq(&holder.auth, auth) || holder.auth == *auth;
        let known = self.holders.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = known.get(&source.name).filter(is_same) {
            return Arc::clone(holder);
        }
        drop(known);
        let mut known = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = known.get(&source.name).filter(is_same) {
            return Arc::clone(holder);
        }
        let holder = Arc::new(Holder::new(source, auth));
        known.insert(source.name.clone(), Arc::clone(&holder));
        holder
    }

    /// Every token that a backend may still speak of.
    pub(super) fn in_use(&self) -> Vec<String> {
        let known = self.holders.read().unwrap_or_else(PoisonError::into_inner);
        let tokens = known.values().flat_map(|holder| {
            let state = holder.state();
            [state.token.clone(), state.previous.clone()]
        });
        let texts = tokens.flatten().filter_map(|token| {
            let text = token.header.to_str().ok()?;
            Some(text.split_once(' ').map_or(text, |(_, token)| token).to_owned())
        });
        texts.collect()
    }
}

impl Holder {
    fn new(source: &Arc<Source>, auth: &Arc<ClientCredentials>) -> Self {
        Holder { source: Arc::clone(source), auth: Arc::clone(auth), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a token that the backend refused may be renewed, or was already.
    pub(super) fn may_renew(&self, refused: &Arc<Token>) -> bool {
        let mut state = self.state();
        if state.token.as_ref().is_none_or(|token| !Arc::ptr_eq(token, refused)) {
            return true;
        }
        let now = Instant::now();
        if state.renewed.is_some_and(|renewed| now < renewed + RENEWAL_PAUSE) {
            return false;
        }
        state.renewed = Some(now);
        true
    }

    /// The token: the one at hand where it is good and not the refused one, else a new one.
    ///
    /// # Errors
    /// When there is none at hand, and the endpoint does not give one.
    pub(super) async fn token(
        self: &Arc<Self>,
        refused: Option<&Arc<Token>>,
        client: impl FnOnce() -> Result<Client, FetchError>,
    ) -> Result<Arc<Token>, FetchError> {
        self.token_by(refused, |holder| {
            let client = client();
            async move { grant(&client?, &holder.auth, holder.source.settings.timeout).await }
        })
        .await
    }

    async fn token_by<F>(
        self: &Arc<Self>,
        refused: Option<&Arc<Token>>,
        fetch: impl FnOnce(Arc<Holder>) -> F,
    ) -> Result<Arc<Token>, FetchError>
    where
        F: Future<Output = Result<Grant, FetchError>> + Send + 'static,
    {
        let accepted = |token: &&Arc<Token>| refused.is_none_or(|refused| !Arc::ptr_eq(token, refused));
        let fetching = {
            let mut state = self.state();
            let now = Instant::now();
            if let Some(token) = state.token.as_ref().filter(accepted).filter(|token| now < token.renew_at) {
                return Ok(Arc::clone(token));
            }
            match (&state.fetching, &state.refused) {
                (Some(fetching), _) => fetching.clone(),
                (None, Some((at, error))) if now < *at + REFUSAL_HOLDS => return Err(error.clone()),
                (None, _) => {
                    let (holder, fetched) = (Arc::clone(self), fetch(Arc::clone(self)));
                    // In a task of its own: the caller that began it may give up, and the others still wait.
                    let task = tokio::spawn(async move { holder.keep(fetched.await) });
                    let fetching =
                        async move { task.await.unwrap_or_else(|_| Err(no_token("it broke off"))) };
                    let fetching = fetching.boxed().shared();
                    state.fetching = Some(fetching.clone());
                    fetching
                }
            }
        };
        let fetched = fetching.await;
        if fetched.is_err() {
            // Renewing begins before the old one is useless, so that a short failure of the endpoint goes unnoticed.
            let state = self.state();
            let good =
                state.token.as_ref().filter(accepted).filter(|token| Instant::now() < token.expires_at);
            if let Some(token) = good {
                return Ok(Arc::clone(token));
            }
        }
        fetched
    }

    fn keep(&self, fetched: Result<Grant, FetchError>) -> Result<Arc<Token>, FetchError> {
        let mut state = self.state();
        state.fetching = None;
        let now = Instant::now();
        match fetched {
            Ok(grant) => {
                let margin = (grant.life / 10).min(MARGIN_MAX);
                let expires_at = now + grant.life;
                let token = Token { header: grant.header, renew_at: expires_at - margin, expires_at };
                state.previous = state.token.replace(Arc::new(token));
                state.refused = None;
                state.token.clone().ok_or_else(|| no_token("it broke off"))
            }
            Err(error) => {
                let detail = error.detail.as_deref();
                tracing::warn!(
                    source = self.source.name,
                    code = error.client.code.as_str(),
                    detail,
                    "no token"
                );
                if error.trouble.is_none() {
                    state.refused = Some((now, error.clone()));
                }
                Err(error)
            }
        }
    }
}

/// Says nothing of tokens.
impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

/// What a token endpoint gives.
struct Grant {
    header: HeaderValue,
    life: Duration,
}

/// Asks a token endpoint.
async fn grant(client: &Client, auth: &ClientCredentials, timeout: Duration) -> Result<Grant, FetchError> {
    let mut form = "grant_type=client_credentials".to_owned();
    let mut field = |name: &str, value: &str| {
        form.push('&');
        form.push_str(name);
        form.push('=');
        form.extend(utf8_percent_encode(value, FORM));
    };
    if !auth.scopes.is_empty() {
        field("scope", &auth.scopes.join(" "));
    }
    if let Some(audience) = &auth.audience {
        field("audience", audience);
    }
    let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let mut request = client
        .post(&auth.token_url)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    match auth.method {
        // Both are encoded as in a form first (RFC 6749, section 2.3.1).
        ClientAuthentication::Basic => {
            request = request.basic_auth(encoded(&auth.client_id), Some(encoded(&auth.client_secret)));
        }
        ClientAuthentication::Post => {
            field("client_id", &auth.client_id);
            field("client_secret", &auth.client_secret);
        }
    }
    let answer = tokio::time::timeout(timeout, exchange(request.body(form).send(), GRANT_BYTES_MAX)).await;
    match answer {
        Ok(Ok(response)) => read_grant(&response),
        Ok(Err(FetchError { client, detail, trouble })) => {
            let words = client.message.trim_start_matches("Connector error: ").to_owned();
            let mut error = FetchError::new(client.code, format!("{NO_TOKEN}{words}"));
            (error.detail, error.trouble) = (detail, trouble);
            Err(error)
        }
        Err(_) => {
            let message = format!("{NO_TOKEN}no complete answer within {timeout:?}");
            Err(FetchError::new(Code::GatewayTimeout, message).with_trouble(Trouble::Timeout))
        }
    }
}

const NO_TOKEN: &str = "Connector error: the token endpoint of this source gave no token: ";

fn no_token(words: &str) -> FetchError {
    FetchError::new(Code::ConnectorFetch, format!("{NO_TOKEN}{words}"))
}

fn read_grant(response: &UpstreamResponse) -> Result<Grant, FetchError> {
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    if response.status != StatusCode::OK {
        // One of the few words of RFC 6749, section 5.2; anything else might be anything.
        let word = text("error")
            .filter(|word| word.len() <= 40 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        let error = match response.status.is_server_error() {
            // As of any backend that fails for a while: asked again, and counted.
            true => no_token("it failed").with_trouble(Trouble::Connection),
            false => no_token("it refused"),
        };
        return Err(error.with_detail(format!("answered {} {}", response.status, word.unwrap_or_default())));
    }
    let unreadable = |what: &str| {
        let message = format!("{NO_TOKEN}its answer cannot be read");
        FetchError::new(Code::ConnectorResponseInvalid, message).with_detail(what)
    };
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(unreadable("its token is no bearer token"));
    }
    let token = text("access_token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| unreadable("no `access_token`"))?;
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| unreadable("its token does not fit into a header"))?;
    header.set_sensitive(true);
    // Some endpoints write the number as text.
    let life = match body.get("expires_in") {
        Some(serde_json::Value::Number(seconds)) => seconds.as_f64(),
        Some(serde_json::Value::String(seconds)) => seconds.parse().ok(),
        _ => None,
    };
    let life = life.filter(|seconds| seconds.is_finite()).map(|seconds| seconds.clamp(0.0, 86_400.0 * 365.0));
    Ok(Grant { header, life: life.map_or(LIFE_UNSAID, Duration::from_secs_f64) })
}

#[cfg(test)]
mod tests;
