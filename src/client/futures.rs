//! Runs several futures at the same time on one thread: [`Futures`].

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Futures that run together. It polls all of them, so it is for a few.
pub(super) struct Futures<'a, T>(Vec<Pin<Box<dyn Future<Output = T> + 'a>>>);

impl<T> Default for Futures<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a, T> Futures<'a, T> {
    pub(super) fn push(&mut self, future: impl Future<Output = T> + 'a) {
        self.0.push(Box::pin(future));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the next result. Without a future it waits forever.
    pub(super) async fn next(&mut self) -> T {
        poll_fn(|context| {
            for index in 0..self.0.len() {
                if let Poll::Ready(result) = self.0[index].as_mut().poll(context) {
                    drop(self.0.swap_remove(index));
                    return Poll::Ready(result);
                }
            }
            Poll::Pending
        })
        .await
    }
}
