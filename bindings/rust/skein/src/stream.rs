//! Streams: one sequence of tokens, and the recurrent state behind it.

use std::path::Path;

use skein_sys as ffi;

use crate::buffer::fill;
use crate::error::{call, Result};
use crate::handle::Handle;
use crate::model::Model;
use crate::options::{Open, RequestOptions, StreamOptions};
use crate::pieces::Pieces;
use crate::request::Request;
use crate::text::c_path;

/// A conversation. It has one writer at a time: while a request or an eval runs on it, others get
/// [`Code::FailedPrecondition`](crate::Code::FailedPrecondition). Dropping it cancels a request that runs on it, and
/// never waits.
pub struct Stream {
    handle: Handle<ffi::skein_stream_t>,
    model: Model,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Save {
    /// A file that exists is replaced; else it is an error.
    pub replace: bool,
    /// The tokens and the checkpoints go along, so that the stream can go back where it is restored.
    pub past: bool,
}

impl Save {
    pub(crate) fn flags(self) -> u32 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flag(self.replace, ffi::SKEIN_SAVE_REPLACE) | flag(self.past, ffi::SKEIN_SAVE_PAST)
    }
}

impl Stream {
    /// Makes a stream in the initial state of the model.
    pub fn new(model: &Model, options: &StreamOptions) -> Result<Stream> {
        let options = options.open()?;
        Stream::create(model, |stream, error| {
            // SAFETY: the pointers hold for the call.
            unsafe { ffi::skein_stream_create(model.raw(), options.raw(), stream, error) }
        })
    }

    pub(crate) fn create(
        model: &Model,
        function: impl FnOnce(*mut ffi::skein_stream, *mut ffi::skein_error) -> ffi::skein_status,
    ) -> Result<Stream> {
        Ok(Stream { handle: Handle::create(function)?, model: model.clone() })
    }

    /// The model that it belongs to.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Puts the stream back into its initial state at position 0.
    pub fn reset(&self) -> Result<()> {
        // SAFETY: the handle is a stream's.
        call(|error| unsafe { ffi::skein_stream_reset(self.raw(), error) })
    }

    /// A stream that continues from the last committed token. Costs no copy of the state, and never waits.
    pub fn fork(&self) -> Result<Stream> {
        Stream::create(&self.model, |copy, error| {
            // SAFETY: the pointers hold for the call.
            unsafe { ffi::skein_stream_fork(self.raw(), copy, error) }
        })
    }

    /// The number of tokens committed since the initial state.
    pub fn position(&self) -> Result<u64> {
        let mut position = 0;
        // SAFETY: the place for the position holds for the call.
        call(|error| unsafe { ffi::skein_stream_position(self.raw(), &mut position, error) })?;
        Ok(position)
    }

    /// The stream as versioned bytes, which restore in any process with the same model. May wait for one step.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        // SAFETY: the buffer holds for the call.
        fill(0, |buffer: *mut u8, capacity, size, error| unsafe {
            ffi::skein_stream_snapshot(self.raw(), buffer.cast(), capacity, size, error)
        })
    }

    /// A snapshot with the tokens and the checkpoints, so that the stream can go back where it is restored.
    pub fn snapshot_with_past(&self) -> Result<Vec<u8>> {
        // SAFETY: the buffer holds for the call.
        fill(0, |buffer: *mut u8, capacity, size, error| unsafe {
            ffi::skein_stream_snapshot_with(self.raw(), ffi::SKEIN_SAVE_PAST, buffer.cast(), capacity, size, error)
        })
    }

    /// Replaces the stream's state by a snapshot, which may be anything: it is checked. On failure the stream is what
    /// it was.
    pub fn restore(&self, snapshot: &[u8]) -> Result<()> {
        let (bytes, len) = (snapshot.as_ptr().cast(), snapshot.len() as u64);
        // SAFETY: the bytes hold for the call.
        call(|error| unsafe { ffi::skein_stream_restore(self.raw(), bytes, len, error) })
    }

    /// Writes a snapshot to a file, which appears whole or not at all.
    pub fn save(&self, path: impl AsRef<Path>, save: Save) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the path holds for the call.
        call(|error| unsafe { ffi::skein_stream_save(self.raw(), path.as_ptr(), save.flags(), error) })
    }

    /// Restores the stream from a file of [`Stream::save`] or [`Prefix::save`](crate::Prefix::save).
    pub fn load(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the path holds for the call.
        call(|error| unsafe { ffi::skein_stream_load(self.raw(), path.as_ptr(), error) })
    }

    /// The canonical state, whose layout is in `skein/stream.h`. May wait for one step.
    pub fn state(&self) -> Result<Vec<f32>> {
        let capacity = self.model.info().num_state_floats as usize;
        // SAFETY: the buffer holds for the call.
        fill(capacity, |state, capacity, count, error| unsafe {
            ffi::skein_stream_state(self.raw(), state, capacity, count, error)
        })
    }

    /// Has the model continue the stream behind `prompt`, and gives the text piece by piece. For chats, stops and
    /// more make a [`Request`].
    pub fn complete(&self, prompt: impl AsRef<[u8]>, options: &RequestOptions) -> Result<Pieces> {
        let request = Request::new(self)?;
        request.set_options(options)?;
        request.set_prompt(prompt)?;
        request.pieces()
    }

    pub(crate) fn raw(&self) -> ffi::skein_stream {
        self.handle.raw()
    }
}
