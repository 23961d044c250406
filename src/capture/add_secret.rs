//! Adding a secret to those that a running listener knows.

use super::again::Again;
use super::controls::AddSecretError;
use super::rejudge::{self, Rejudged};
use crate::cakemail::signature::Secret;

impl Again {
    /// Verifies with this secret too from now on, and all that is kept once more. Each new
    /// verdict is a [`Judged`](crate::delivery::Notice::Judged). When this returns, all are
    /// valid that can be; what is still wrong with the others is found out behind it, since
    /// that can take a hundred times as long. It goes on where whoever asked goes away.
    ///
    /// # Errors
    /// Where there is one with that label, or the secret itself is known.
    pub async fn add_secret(&self, secret: Secret) -> Result<Rejudged, AddSecretError> {
        self.controls().add_secret(secret)?;
        let told = rejudge::scan(self.store().clone(), self.controls().clone());
        // It ends early only with the runtime.
        Ok(told.await.unwrap_or_default())
    }
}
