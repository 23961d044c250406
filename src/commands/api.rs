//! The running listener's local API, and how other commands find it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::again::Again;
use crate::capture::canary::CanaryKey;
use crate::capture::reach::LazyReach;
use crate::delivery::Warning;
use crate::inspector::{self, About, Door, Running, RuntimeFile, Through, Tokens};
use crate::store::Store;

/// The API's socket, before it is served.
pub(super) struct Opened {
    listener: TcpListener,
    address: SocketAddr,
    tokens: Tokens,
    file: Option<RuntimeFile>,
    url: String,
    has_page: bool,
}

/// The API while it is served.
pub(super) struct Serving {
    tasks: TaskTracker,
    _file: Option<RuntimeFile>,
}

/// Where the runtime file of a listener stands that keeps everything in memory only: there
/// is no store to put it beside, and it leaves nothing behind on a disk.
fn without_store() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    folder
        .is_absolute()
        .then(|| folder.join("cmhook-ephemeral"))
}

/// Takes a port and says in a file which it is: where the page is wanted, or any where it
/// is not.
pub(super) async fn open(
    store: &Store,
    url: &str,
    page: Option<SocketAddr>,
) -> Result<Opened, Warning> {
    let failed = |why: String| Warning {
        code: "no_api",
        message: format!("other commands cannot act through this listener: {why}"),
        hint: String::new(),
    };
    let io = |error: std::io::Error| failed(error.to_string());
    let listener = inspector::bind(page).await.map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    let tokens = Tokens::new().map_err(|error| failed(error.to_string()))?;
    let place = store.path().map(ToOwned::to_owned).or_else(without_store);
    let running = Running {
        pid: std::process::id(),
        api: address,
        url: url.to_owned(),
        token: tokens.run().expose().to_owned(),
    };
    let file = match place {
        Some(place) => RuntimeFile::write(&place, &running).map(Some),
        None => Ok(None),
    };
    let file = file.map_err(io)?;
    Ok(Opened {
        listener,
        address,
        tokens,
        file,
        url: url.to_owned(),
        has_page: page.is_some(),
    })
}

impl Opened {
    /// Where it is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page with this run's token, for whoever started the listener.
    pub(super) fn link(&self) -> Option<String> {
        let token = self.tokens.run().expose();
        self.has_page
            .then(|| format!("http://{}/#token={token}", self.address))
    }

    /// The same for a screen, which opens it in a browser.
    pub(super) fn door(&self) -> Option<Door> {
        let open = || Door::new(self.address, self.tokens.clone());
        self.has_page.then(open)
    }

    /// What canaries for this run are made with.
    pub(super) fn canary_key(&self) -> Option<CanaryKey> {
        CanaryKey::new(self.tokens.run().expose()).ok()
    }

    /// What is to be said where another port was wanted for the page.
    pub(super) fn doubt(&self, wanted: Option<SocketAddr>) -> Option<Warning> {
        let wanted = wanted.filter(|wanted| wanted.port() != 0 && *wanted != self.address)?;
        Some(Warning {
            code: "inspector_port",
            message: format!(
                "port {} is taken, so the web inspector is on port {}",
                wanted.port(),
                self.address.port()
            ),
            hint: String::new(),
        })
    }

    /// Serves it until `stop`.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub(super) fn serve(
        self,
        (again, reach): (Again, LazyReach),
        public_url: Option<String>,
        warnings: Vec<Warning>,
        stop: CancellationToken,
    ) -> std::io::Result<Serving> {
        let about = About {
            url: self.url,
            public_url,
            store: again.store().path().map(|path| path.display().to_string()),
            warnings,
            page: self.has_page,
        };
        let tasks = TaskTracker::new();
        let through = Through {
            again,
            reach,
            tasks: tasks.clone(),
            stop,
        };
        inspector::serve(self.listener, through, about, self.tokens)?;
        Ok(Serving {
            tasks,
            _file: self.file,
        })
    }
}

impl Serving {
    /// What has to end before the store may be closed.
    pub(super) fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }
}

/// The listener of a store, or with `None` the last one that keeps everything in memory
/// only, as its file names it. It may be gone.
pub(super) fn find(store: Option<&Path>) -> Option<Running> {
    match store {
        Some(path) => RuntimeFile::read(path),
        None => RuntimeFile::read(&without_store()?),
    }
}

/// Has the store's listener, if there is one, write down all that has happened so far: it
/// takes a moment for an attempt to get into the file. One that does not answer at once is
/// not waited for.
pub(super) fn settle(store: &Path) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let Some(running) = RuntimeFile::read(store) else {
        return;
    };
    let ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&running.api, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "POST /api/v1/settle HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
            running.api, running.token
        )?;
        let mut answer = [0; 256];
        stream.read(&mut answer).map(drop)
    };
    if let Err(error) = ask() {
        tracing::debug!("the listener that the runtime file names does not answer: {error}");
    }
}
