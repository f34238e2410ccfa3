//! The past of a stream: its tokens, going back to one of them, branching off there, and checkpoints.

use skein_sys as ffi;

use crate::buffer::fill;
use crate::error::{call, Result};
use crate::stream::Stream;
use crate::text::{c_string, field};
use crate::Token;

/// A place to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Tokens from the start of the stream.
    pub position: u64,
    /// Of the state that is kept there; 0: none, and the place is reached from one before it.
    pub state_bytes: u64,
    /// As it was set; else "".
    pub name: String,
}

/// Positions count tokens from the start of the stream.
impl Stream {
    /// The tokens from `begin` to the last committed one.
    pub fn tokens(&self, begin: u64) -> Result<Vec<Token>> {
        // SAFETY: the buffer holds for the call.
        fill(0, |tokens, capacity, count, error| unsafe {
            ffi::skein_stream_tokens(self.raw(), begin, tokens, capacity, count, error)
        })
    }

    /// Takes the stream back to `position`, and gives the number of tokens that were read again for it.
    pub fn truncate(&self, position: u64) -> Result<u64> {
        let mut replayed = 0;
        // SAFETY: the place for the number holds for the call.
        call(|error| unsafe { ffi::skein_stream_truncate(self.raw(), position, &mut replayed, error) })?;
        Ok(replayed)
    }

    /// A stream that continues from `position`, and the number of tokens that were read again for it.
    pub fn fork_at(&self, position: u64) -> Result<(Stream, u64)> {
        let mut replayed = 0;
        let copy = Stream::create(self.model(), |copy, error| {
            // SAFETY: the pointers hold for the call.
            unsafe { ffi::skein_stream_fork_at(self.raw(), position, copy, &mut replayed, error) }
        })?;
        Ok((copy, replayed))
    }

    /// Gives the last position a name of 1 to 63 bytes, and keeps its state.
    pub fn set_checkpoint(&self, name: &str) -> Result<()> {
        let name = c_string(name)?;
        // SAFETY: the name holds for the call.
        call(|error| unsafe { ffi::skein_stream_set_checkpoint(self.raw(), name.as_ptr(), error) })
    }

    /// The position with a name.
    pub fn find_checkpoint(&self, name: &str) -> Result<u64> {
        let name = c_string(name)?;
        let mut position = 0;
        // SAFETY: the pointers hold for the call.
        call(|error| unsafe { ffi::skein_stream_find_checkpoint(self.raw(), name.as_ptr(), &mut position, error) })?;
        Ok(position)
    }

    /// The checkpoints by position: those with names, and those whose states are kept.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let size = std::mem::size_of::<ffi::skein_checkpoint>() as u32;
        // SAFETY: the buffer holds for the call, and its elements have this size.
        let checkpoints = fill(16, |buffer: *mut ffi::skein_checkpoint, capacity, count, error| unsafe {
            ffi::skein_stream_checkpoints(self.raw(), buffer.cast(), size, capacity, count, error)
        })?;
        let checkpoint = |raw: &ffi::skein_checkpoint| Checkpoint {
            position: raw.position,
            state_bytes: raw.state_bytes,
            name: field(&raw.name),
        };
        Ok(checkpoints.iter().map(checkpoint).collect())
    }
}
