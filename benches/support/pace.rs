//! A steady pace: each request is sent at its time, whether or not the one before it has
//! been answered, and measured from that time.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use super::load::{Door, body, signature};

/// Milliseconds of each of so many requests a second.
pub fn latencies(door: &Door, per_second: u32, seconds: u32) -> Result<Vec<f64>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let payload = body(1024);
    let signature = signature(&payload)?;
    let payload = Bytes::from(payload);
    let url = door.url();
    runtime.block_on(async {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let count = per_second * seconds;
        let begin = Instant::now() + Duration::from_millis(50);
        let mut waiting = Vec::new();
        for n in 0..count {
            let due = begin + Duration::from_secs(1) * n / per_second;
            tokio::time::sleep_until(due).await;
            let request = Request::post(&url)
                .header("host", door.host())
                .header("content-type", "application/json")
                .header("x-cakemail-signature", &signature)
                .body(Full::new(payload.clone()))?;
            let client = client.clone();
            // The timer's own lateness is the generator's, not the contender's.
            let sent = Instant::now();
            waiting.push(tokio::spawn(async move {
                let answer = client.request(request).await?;
                let status = answer.status();
                answer.into_body().collect().await?;
                if !status.is_success() {
                    bail!("answered {status}");
                }
                Ok(sent.elapsed().as_secs_f64() * 1e3)
            }));
        }
        let mut all = Vec::new();
        for one in waiting {
            all.push(one.await??);
        }
        Ok(all)
    })
}
