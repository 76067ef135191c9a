//! One token for many callers, with the clock stopped and an endpoint that answers when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::fetch::testing;

fn credentials() -> Arc<ClientCredentials> {
    Arc::new(ClientCredentials {
        token_url: "http://id/token".to_owned(),
        client_id: "ficus".to_owned(),
        client_secret: "hush".to_owned(),
        scopes: Vec::new(),
        audience: None,
        method: ClientAuthentication::Basic,
    })
}

/// Counts how often it is asked; its tokens are `t1`, `t2`, … and live for a hundred seconds.
struct Endpoint {
    holder: Arc<Holder>,
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Endpoint {
    fn open() -> Self {
        let holder = Arc::new(Holder::new(&Arc::new(testing::source("http://h")), &credentials()));
        Endpoint { holder, asked: Arc::default(), gate: Arc::new(Semaphore::new(1_000)) }
    }

    async fn token(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, FetchError> {
        self.answer(refused, |number| {
            let header = HeaderValue::from_str(&format!("Bearer t{number}")).unwrap();
            Ok(Grant { header, life: Duration::from_secs(100) })
        })
        .await
    }

    async fn answer(
        &self,
        refused: Option<&Arc<Token>>,
        answer: impl FnOnce(usize) -> Result<Grant, FetchError> + Send + 'static,
    ) -> Result<Arc<Token>, FetchError> {
        let (asked, gate) = (Arc::clone(&self.asked), Arc::clone(&self.gate));
        let fetch = |_| async move {
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            gate.acquire().await.unwrap().forget();
            answer(number)
        };
        self.holder.token_by(refused, fetch).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn text(token: &Result<Arc<Token>, FetchError>) -> &str {
    token.as_ref().ok().unwrap().header.to_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let endpoint = Endpoint::open();
    for (wait, expected) in [(0, "Bearer t1"), (89, "Bearer t1"), (1, "Bearer t2"), (89, "Bearer t2")] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        assert_eq!(text(&endpoint.token(None).await), expected, "{wait}");
    }
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_caller_fetches_while_the_others_wait_and_its_leaving_stops_nobody() {
    let mut endpoint = Endpoint::open();
    endpoint.gate = Arc::new(Semaphore::new(0));
    {
        let first = endpoint.token(None);
        tokio::pin!(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
        assert_eq!(endpoint.asked(), 1);
    }
    let others = futures_util::future::join_all((0..50).map(|_| endpoint.token(None)));
    let open = async { endpoint.gate.add_permits(1) };
    let (tokens, ()) = tokio::join!(others, open);
    assert!(tokens.iter().all(|token| text(token) == "Bearer t1"));
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_for_all_and_not_again_at_once() {
    let endpoint = Endpoint::open();
    let first = endpoint.token(None).await.ok().unwrap();
    assert!(endpoint.holder.may_renew(&first));
    let renewed = endpoint.token(Some(&first)).await;
    assert_eq!(text(&renewed), "Bearer t2");
    // Another request that went out with the first one takes what is there.
    assert!(endpoint.holder.may_renew(&first));
    assert_eq!(text(&endpoint.token(Some(&first)).await), "Bearer t2");
    let second = renewed.ok().unwrap();
    assert!(
        !endpoint.holder.may_renew(&second),
        "a backend that refuses every token gets no new one each time"
    );
    tokio::time::advance(RENEWAL_PAUSE).await;
    assert!(endpoint.holder.may_renew(&second));
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_for_a_while_goes_unnoticed_and_a_refusal_stands_for_a_while() {
    let endpoint = Endpoint::open();
    assert!(endpoint.token(None).await.is_ok());
    tokio::time::advance(Duration::from_secs(95)).await;
    let failing = || Err(no_token("it failed").with_trouble(Trouble::Connection));
    assert_eq!(text(&endpoint.answer(None, move |_| failing()).await), "Bearer t1");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(endpoint.answer(None, move |_| failing()).await.is_err(), "the old one has expired");
    assert_eq!(endpoint.asked(), 3);

    assert!(endpoint.answer(None, |_| Err(no_token("it refused"))).await.is_err());
    assert!(endpoint.token(None).await.is_err());
    assert_eq!(endpoint.asked(), 4, "it is not asked again while its refusal stands");
    tokio::time::advance(REFUSAL_HOLDS).await;
    assert_eq!(text(&endpoint.token(None).await), "Bearer t5");
}

fn read(status: u16, body: &'static str) -> Result<(String, u64), FetchError> {
    let status = StatusCode::from_u16(status).unwrap();
    let response = UpstreamResponse::new(status, http::HeaderMap::new(), body.into());
    read_grant(&response).map(|grant| (grant.header.to_str().unwrap().to_owned(), grant.life.as_secs()))
}

#[test]
fn what_an_endpoint_says_is_read_leniently_and_never_repeated() {
    let granted = |seconds| Ok(("Bearer t".to_owned(), seconds));
    assert_eq!(read(200, r#"{"access_token":"t","token_type":"bearer","expires_in":60}"#), granted(60));
    assert_eq!(read(200, r#"{"access_token":"t","token_type":"Bearer","expires_in":"60"}"#), granted(60));
    assert_eq!(read(200, r#"{"access_token":"t"}"#), granted(300));
    assert_eq!(read(200, r#"{"access_token":"t","expires_in":-1}"#), granted(0));
    let faults = [
        (200, "hush", Code::ConnectorResponseInvalid),
        (200, r#"{"access_token":""}"#, Code::ConnectorResponseInvalid),
        (200, r#"{"access_token":"hush\r\nx: y"}"#, Code::ConnectorResponseInvalid),
        (200, r#"{"access_token":"hush","token_type":"mac"}"#, Code::ConnectorResponseInvalid),
        (400, r#"{"error":"hush, hush"}"#, Code::ConnectorFetch),
        (401, r#"{"error":"invalid_client","error_description":"hush"}"#, Code::ConnectorFetch),
        (302, "hush", Code::ConnectorFetch),
        (503, "hush", Code::ConnectorFetch),
    ];
    for (status, body, code) in faults {
        let error = read(status, body).unwrap_err();
        assert_eq!(error.client.code, code, "{body}");
        assert_eq!(error.trouble.is_some(), status == 503, "{body}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let refused = read(401, r#"{"error":"invalid_client"}"#).unwrap_err();
    assert!(refused.to_string().contains("401 Unauthorized invalid_client"), "{refused}");
}
