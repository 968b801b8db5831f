//! Sends headings, reasons and bytes of a [`Reading`].

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use hyper::body::Bytes;

use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::reading::Reading;

impl<S> Reading<S> {
    pub(super) async fn send_reason(
        &self,
        heading: &mut Option<String>,
        why: &impl fmt::Display,
    ) -> Result<(), LogError> {
        self.start(heading).await?;
        let gap = if self.open_line.load(Ordering::Relaxed) { "\n" } else { "" };
        self.send(format!("{gap}({why})\n").into()).await
    }

    /// Starts the response, and sends the headings that were not sent yet.
    pub(super) async fn start(&self, heading: &mut Option<String>) -> Result<(), LogError> {
        let mut is_first = !self.started.send_replace(true);
        let member = self.member.lock().unwrap_or_else(PoisonError::into_inner).take();
        for heading in member.into_iter().chain(heading.take()) {
            let gap = match self.open_line.load(Ordering::Relaxed) {
                _ if is_first => "",
                true => "\n\n",
                false => "\n",
            };
            is_first = false;
            self.send(format!("{gap}{heading}").into()).await?;
        }
        Ok(())
    }

    pub(super) async fn send(&self, piece: Bytes) -> Result<(), LogError> {
        if let Some(last) = piece.last() {
            self.open_line.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(self.sink.send(piece).await?)
    }
}
