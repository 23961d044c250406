//! What a delivery waits longer because of what stands in front of the app, at a pace that
//! nobody is troubled by: 200 a second, each sent at its time whether or not the one before
//! it has been answered, and measured from that time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

use crate::contender::{Contender, Kind};
use crate::load::{body, middle, signature};

const PER_SECOND: u32 = 200;

/// Prints the table.
pub fn run(rounds: usize, seconds: u32, upstream: u16, folder: &Path) -> Result<()> {
    let kinds = [Kind::Direct, Kind::Nginx, Kind::Forward];
    let mut medians: Vec<Vec<f64>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (at, kind) in kinds.iter().enumerate() {
            let contender = Contender::start(*kind, upstream, folder)?;
            medians[at].push(middle(latencies(contender.port, PER_SECOND, seconds)?));
        }
    }
    let [direct, nginx, cmhook] = [0, 1, 2].map(|at| middle(medians[at].clone()));
    let ratio = (cmhook - direct) / (nginx - direct);
    println!("| {PER_SECOND} a second, 1 KiB | p50 ms | added ms | to nginx's | target | |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    println!("| upstream alone | {direct:.3} | | | | |");
    println!("| nginx | {nginx:.3} | {:.3} | 1.00 | | |", nginx - direct);
    let verdict = if ratio <= 3.0 { "met" } else { "missed" };
    println!(
        "| cmhook | {cmhook:.3} | {:.3} | {ratio:.2} | ≤ 3 | {verdict} |",
        cmhook - direct
    );
    Ok(())
}

/// Milliseconds of each of so many requests a second.
pub fn latencies(port: u16, per_second: u32, seconds: u32) -> Result<Vec<f64>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let payload = body(1024);
    let signature = signature(&payload)?;
    let payload = Bytes::from(payload);
    runtime.block_on(async {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let count = per_second * seconds;
        let begin = Instant::now() + Duration::from_millis(50);
        let mut waiting = Vec::new();
        for n in 0..count {
            let due = begin + Duration::from_secs(1) * n / per_second;
            tokio::time::sleep_until(due).await;
            let request = Request::post(format!("http://127.0.0.1:{port}/webhooks/cakemail"))
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
