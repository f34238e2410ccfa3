//! What needs no object: the version, the names of codes, files of snapshots.

use std::ffi::CStr;
use std::path::Path;

use skein_sys as ffi;

use crate::buffer::fill_text;
use crate::error::Result;
use crate::options::{DescribeOptions, Open};
use crate::text::c_path;

/// The version of the library that is running, such as "1.0.0".
pub fn version() -> &'static str {
    // SAFETY: the text lives for ever, and is ASCII.
    unsafe { CStr::from_ptr(ffi::skein_version()) }.to_str().unwrap_or("")
}

/// The name of a code by its number, such as "NOT_FOUND"; "UNKNOWN_CODE" for a number that is none.
pub fn status_name(status: i32) -> &'static str {
    // SAFETY: the text lives for ever, and is ASCII.
    unsafe { CStr::from_ptr(ffi::skein_status_name(status)) }.to_str().unwrap_or("")
}

/// Describes a file of [`Stream::save`](crate::Stream::save) or [`Prefix::save`](crate::Prefix::save), without a model.
/// All checksums are compared.
pub fn describe_snapshot(path: impl AsRef<Path>, options: &DescribeOptions) -> Result<String> {
    let path = c_path(path.as_ref())?;
    let options = options.open()?;
    // SAFETY: the pointers hold for the call.
    fill_text(|buffer, capacity, size, error| unsafe {
        ffi::skein_snapshot_describe(path.as_ptr(), options.raw(), buffer.cast(), capacity, size, error)
    })
}
