//! Work that its caller cannot stop by going away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;

use super::answer::AnswerBody;

/// Work that goes on as a task of its own where its sender hangs up, which drops the
/// future. Spawning each from the start would cost every delivery a trip through the
/// scheduler.
pub(super) struct Unstoppable<'a> {
    work: Option<Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>>,
    tasks: &'a TaskTracker,
}

impl<'a> Unstoppable<'a> {
    /// `tasks` takes what is left of it.
    pub(super) fn new(
        work: impl Future<Output = Response<AnswerBody>> + Send + 'static,
        tasks: &'a TaskTracker,
    ) -> Self {
        Self {
            work: Some(Box::pin(work)),
            tasks,
        }
    }
}

impl Future for Unstoppable<'_> {
    type Output = Response<AnswerBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let answer = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(answer)
    }
}

impl Drop for Unstoppable<'_> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tasks.spawn(async move {
                // Its attempt is recorded when the answer has been read to its end.
                let mut answer = work.await;
                while let Some(Ok(_)) = answer.body_mut().frame().await {}
            });
        }
    }
}
