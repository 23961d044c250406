//! The app that everything forwards to: this program again, as a child process that reads
//! each body to its end and answers 200.

use std::convert::Infallible;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::process::Child;

/// What makes this program be the app.
pub const ARGUMENT: &str = "--be-the-upstream";

/// The app as a child.
pub struct Upstream {
    pub port: u16,
    _child: Child,
}

/// Starts the app.
pub fn start(folder: &Path) -> Result<Upstream> {
    let program = std::env::current_exe().context("no path of this program")?;
    let mut command = Command::new(program);
    command
        .arg(ARGUMENT)
        .current_dir(folder)
        .stdout(Stdio::piped());
    let mut child = Child::spawn(&mut command)?;
    let port = child
        .first_line()?
        .trim()
        .parse()
        .context("the upstream names its port")?;
    Ok(Upstream {
        port,
        _child: child,
    })
}

/// Is the app, until it is killed.
pub fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.map(|runtime| {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?.port());
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service_fn(answer)),
                );
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            Ok::<(), std::io::Error>(())
        })
    });
    drop(served);
    ExitCode::FAILURE
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(Full::new(Bytes::from_static(b"OK"))))
}
