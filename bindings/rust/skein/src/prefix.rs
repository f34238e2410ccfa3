//! Prefix objects: a text that many streams begin with, read once and kept as a state with a name.

use std::path::Path;

use skein_sys as ffi;

use crate::buffer::fill_text;
use crate::error::{call, Result};
use crate::handle::Handle;
use crate::info::fill_struct;
use crate::model::Model;
use crate::options::{Open, StreamOptions};
use crate::stream::{Save, Stream};
use crate::text::{c_path, c_string, field};

/// A place that streams start from. It never changes.
pub struct Prefix {
    handle: Handle<ffi::skein_prefix_t>,
    model: Model,
}

impl Prefix {
    /// Keeps the last committed place of `stream`, which goes on undisturbed. `provenance` says where the text comes
    /// from. Copies no state, and never waits.
    pub fn new(stream: &Stream, name: &str, provenance: &str) -> Result<Prefix> {
        let (name, provenance) = (c_string(name)?, c_string(provenance)?);
        // SAFETY: the pointers hold for the call.
        let handle = Handle::create(|prefix, error| unsafe {
            ffi::skein_prefix_create(stream.raw(), name.as_ptr(), provenance.as_ptr(), prefix, error)
        })?;
        Ok(Prefix { handle, model: stream.model().clone() })
    }

    /// Reads a file of [`Prefix::save`], or any other snapshot, which then has no texts.
    pub fn load(model: &Model, path: impl AsRef<Path>) -> Result<Prefix> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the pointers hold for the call.
        let handle = Handle::create(|prefix, error| unsafe {
            ffi::skein_prefix_load(model.raw(), path.as_ptr(), prefix, error)
        })?;
        Ok(Prefix { handle, model: model.clone() })
    }

    /// Makes a stream at the place of the prefix, where [`Stream::reset`] brings it back to. Copies no state, and never
    /// waits.
    pub fn start(&self, options: &StreamOptions) -> Result<Stream> {
        let options = options.open()?;
        Stream::create(&self.model, |stream, error| {
            // SAFETY: the pointers hold for the call.
            unsafe { ffi::skein_prefix_start(self.handle.raw(), options.raw(), stream, error) }
        })
    }

    /// What it is. May wait until the fingerprint of a model that is no package is known.
    pub fn info(&self) -> Result<PrefixInfo> {
        // SAFETY: the call fills the struct.
        let info = fill_struct(|info: *mut ffi::skein_prefix_info, error| unsafe {
            ffi::skein_prefix_get_info(self.handle.raw(), info, error)
        })?;
        Ok(PrefixInfo {
            position: info.position,
            state_bytes: info.state_bytes,
            file_bytes: info.file_bytes,
            fingerprint: field(&info.fingerprint),
            name: field(&info.name),
        })
    }

    /// The text that says where the prefix comes from.
    pub fn provenance(&self) -> Result<String> {
        // SAFETY: the buffer holds for the call.
        fill_text(|buffer, capacity, size, error| unsafe {
            ffi::skein_prefix_provenance(self.handle.raw(), buffer.cast(), capacity, size, error)
        })
    }

    /// Writes the prefix to a file, which appears whole or not at all.
    pub fn save(&self, path: impl AsRef<Path>, save: Save) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: the path holds for the call.
        call(|error| unsafe { ffi::skein_prefix_save(self.handle.raw(), path.as_ptr(), save.flags(), error) })
    }

    /// The model that it belongs to.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

/// What a prefix is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrefixInfo {
    /// Tokens in its state.
    pub position: u64,
    /// Of the canonical state.
    pub state_bytes: u64,
    /// Of the file that [`Prefix::save`] writes.
    pub file_bytes: u64,
    /// Of the source weights: 32 hex digits.
    pub fingerprint: String,
    /// As it was given.
    pub name: String,
}
