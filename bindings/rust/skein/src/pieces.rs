//! The text of one request, piece by piece.

use crate::error::{Code, Error, Result};
use crate::event::{Event, EventKind};
use crate::queue::{PollBuffer, Queue};
use crate::request::Request;

/// The text of a request as it is written; see [`Request::pieces`] and [`Stream::complete`](crate::Stream::complete).
///
/// Dropping it before its end cancels the request and waits for the step that runs, so that the stream is free again.
/// Tokens that it gave are acknowledged, for requests with the option `window`.
/// With several samples the pieces of all of them come as they are written; a [`Queue`] tells them apart.
pub struct Pieces {
    queue: Queue,
    request: Request,
    buffer: PollBuffer,
    end: Option<Event>,
    has_failed: bool,
    acknowledges: bool, // until the library says that there is no window
}

impl Pieces {
    pub(crate) fn new(queue: Queue, request: Request) -> Pieces {
        Pieces { queue, request, buffer: PollBuffer::new(), end: None, has_failed: false, acknowledges: true }
    }

    /// The request, to cancel it for example.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The terminal event, once it came: why the text ended, its tokens and times.
    pub fn end(&self) -> Option<&Event> {
        self.end.as_ref()
    }

    fn next_event(&mut self) -> Result<Option<Event>> {
        let event = self.queue.next_event(&mut self.buffer)?;
        if let Some(event) = event.as_ref().filter(|event| event.is_terminal()) {
            self.end = Some(event.clone());
        }
        if let Some(Event { kind: EventKind::Token(_), .. }) = event {
            self.acknowledges = self.acknowledges && self.request.acknowledge(1).is_ok();
        }
        Ok(event)
    }
}

fn error_of(event: &Event) -> Option<Error> {
    match &event.kind {
        EventKind::Error(error) => Some(error.clone()),
        EventKind::Cancelled => Some(Error::new(Code::Cancelled, "the request was cancelled")),
        _ => None,
    }
}

impl Iterator for Pieces {
    type Item = Result<String>;

    /// What is not UTF-8 in a piece is replaced by U+FFFD. An error ends the text.
    fn next(&mut self) -> Option<Result<String>> {
        while !self.has_failed {
            let event = match self.next_event() {
                Ok(event) => event?,
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(error));
                }
            };
            if let Some(error) = error_of(&event) {
                return Some(Err(error));
            }
            if !event.text.is_empty() {
                return Some(Ok(event.text().into_owned()));
            }
        }
        None
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if self.end.is_some() || self.request.cancel().is_err() {
            return;
        }
        while let Ok(Some(_)) = self.next_event() {}
    }
}
