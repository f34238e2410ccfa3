//! Texts on their way into the library and out of it.

use std::ffi::CString;
use std::os::raw::c_char;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Code, Error, Result};

/// Names and keys: NUL-terminated.
pub(crate) fn c_string(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|error| {
        let place = error.nul_position();
        Error::new(Code::InvalidArgument, format!("a NUL at byte {place} of a name, expected none"))
    })
}

/// Paths: NUL-terminated, and any bytes else.
pub(crate) fn c_path(path: &Path) -> Result<CString> {
    c_string(path.as_os_str().as_bytes())
}

/// The text in an array of a struct, up to its NUL.
pub(crate) fn field(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|&&char| char != 0).map(|&char| char as u8).collect();
    crate::buffer::into_text(bytes)
}
