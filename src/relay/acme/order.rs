//! Getting a certificate: one conversation with the authority.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder,
    Order, OrderStatus, RetryPolicy,
};

use super::challenges::{Challenges, Proof};
use super::kept::Kept;
use super::{AcmeError, By, Settings};
use crate::http::tls;

/// How long the authority may take to look at proofs, and to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(1));

/// A certificate chain and its key, in PEM.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Gets one, with the account that is kept or a new one.
///
/// # Errors
/// Where the authority cannot be reached, or says no.
pub(super) async fn issue(
    settings: &Settings,
    kept: &Kept,
    challenges: &Challenges,
    by: By,
) -> Result<Issued, AcmeError> {
    let account = account(settings, kept).await?;
    let identifiers = [Identifier::Dns(settings.host.clone())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let proofs = prove(&mut order, challenges, by, &settings.host).await?;
    let status = order.poll_ready(&PATIENCE).await?;
    drop(proofs);
    if status != OrderStatus::Ready {
        return Err(AcmeError::Failed(reason(&mut order).await));
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(Issued { chain, key })
}

async fn account(settings: &Settings, kept: &Kept) -> Result<Account, AcmeError> {
    if let Some(credentials) = kept.account()? {
        return Ok(builder(settings)?.from_credentials(credentials).await?);
    }
    let contact = format!("mailto:{}", settings.email);
    let new = NewAccount {
        contact: &[&contact],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let directory = settings.directory.clone();
    let (account, credentials) = builder(settings)?.create(&new, directory, None).await?;
    kept.keep_account(&credentials)?;
    Ok(account)
}

fn builder(settings: &Settings) -> Result<AccountBuilder, AcmeError> {
    let roots = match &settings.ca {
        Some(path) => tls::roots_with(path).map_err(AcmeError::Roots)?,
        None => tls::system_roots(),
    };
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client(roots))
        .https_only()
        .enable_http1()
        .wrap_connector(http);
    let client = Client::builder(TokioExecutor::new()).build(https);
    Ok(Account::builder_with_http(Box::new(client)))
}

/// Has proofs given for all that the authority wants to see proved.
async fn prove(
    order: &mut Order,
    challenges: &Challenges,
    by: By,
    host: &str,
) -> Result<Vec<Proof>, AcmeError> {
    let mut proofs = Vec::new();
    let mut wanted = order.authorizations();
    while let Some(authorization) = wanted.next().await {
        let mut authorization = authorization?;
        // Proved not long ago, which it remembers.
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let kind = match by {
            By::Tls => ChallengeType::TlsAlpn01,
            By::Http => ChallengeType::Http01,
        };
        let Some(mut challenge) = authorization.challenge(kind) else {
            return Err(AcmeError::Failed(format!(
                "the authority wants no proof by {by}"
            )));
        };
        let answer = challenge.key_authorization();
        proofs.push(match by {
            By::Http => challenges.prove_by_http(&challenge.token, answer.as_str()),
            By::Tls => challenges
                .prove_by_tls(host, answer.digest().as_ref())
                .map_err(AcmeError::Failed)?,
        });
        challenge.set_ready().await?;
    }
    Ok(proofs)
}

/// What the authority found where it looked for proofs.
async fn reason(order: &mut Order) -> String {
    let mut looked = order.authorizations();
    while let Some(Ok(mut authorization)) = looked.next().await {
        // What is known of it is from before it looked.
        if authorization.refresh().await.is_err() {
            break;
        }
        let problem = authorization
            .challenges
            .iter()
            .find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let detail = problem.detail.as_deref();
            return detail.unwrap_or("the authority gives no reason").to_owned();
        }
    }
    "the authority gives no reason".to_owned()
}
