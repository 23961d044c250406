//! An open page, as far as the listener can tell: a socket that is read all the time.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{client_async, tungstenite::Message};

/// A page that is open until this is dropped.
pub struct Page {
    _close: oneshot::Sender<()>,
}

impl Page {
    /// Opens one at the listener that this file names, and waits for its snapshot.
    pub fn open(file: &Path) -> Result<Self> {
        let said: serde_json::Value = serde_json::from_slice(&fs::read(file)?)?;
        let text = |name: &str| {
            let text = said[name].as_str().map(str::to_owned);
            text.with_context(|| format!("no {name} in the file"))
        };
        let (address, token) = (text("api")?, text("token")?);
        let (close, closed) = oneshot::channel();
        let (tell, opened) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut request = format!("ws://{address}/api/v1/live").into_client_request()?;
                let bearer = format!("Bearer {token}").parse()?;
                request.headers_mut().insert("authorization", bearer);
                let stream = tokio::net::TcpStream::connect(&address).await?;
                let (mut socket, _) = client_async(request, stream).await?;
                let read = async {
                    while let Some(Ok(message)) = socket.next().await {
                        if matches!(message, Message::Text(_)) {
                            let _ = tell.send(());
                        }
                    }
                };
                tokio::select! {
                    () = read => {}
                    _ = closed => {}
                }
                anyhow::Ok(())
            })
        });
        opened.recv().context("the page got no snapshot")?;
        Ok(Self { _close: close })
    }
}
