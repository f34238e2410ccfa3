//! Results of a size that only the library knows: (buffer, capacity, size).

use skein_sys as ffi;

use crate::error::{call, Code, Error, Result};

/// Calls `function` with a buffer for `capacity` elements, and again with a larger one if it needs more. What it wants
/// may grow between two calls.
///
/// `function` writes as many elements as it says, or fails.
pub(crate) fn fill<T: Copy>(
    mut capacity: usize,
    mut function: impl FnMut(*mut T, u64, *mut u64, *mut ffi::skein_error) -> ffi::skein_status,
) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    loop {
        buffer.try_reserve_exact(capacity).map_err(|error| no_memory::<T>(capacity, &error))?;
        let capacity_given = if capacity == 0 { 0 } else { buffer.capacity() as u64 };
        let pointer = if capacity == 0 { std::ptr::null_mut() } else { buffer.as_mut_ptr() };
        let mut size = 0;
        let result = call(|error| function(pointer, capacity_given, &mut size, error));
        match result {
            // SAFETY: the call wrote `size` elements.
            Ok(()) if size <= capacity_given => unsafe {
                buffer.set_len(size as usize);
                return Ok(buffer);
            },
            Ok(()) => capacity = size as usize,
            Err(error) if error.code() == Code::OutOfRange && size > capacity_given => capacity = size as usize,
            Err(error) => return Err(error),
        }
    }
}

/// As `fill`, for a text of the library.
pub(crate) fn fill_text(
    function: impl FnMut(*mut u8, u64, *mut u64, *mut ffi::skein_error) -> ffi::skein_status,
) -> Result<String> {
    Ok(into_text(fill(1024, function)?))
}

/// Texts of the library are UTF-8.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Room for `len` floats, all zero.
pub(crate) fn floats(len: usize) -> Result<Vec<f32>> {
    let mut floats = Vec::new();
    floats.try_reserve_exact(len).map_err(|error| no_memory::<f32>(len, &error))?;
    floats.resize(len, 0.0);
    Ok(floats)
}

fn no_memory<T>(len: usize, error: &std::collections::TryReserveError) -> Error {
    let size = std::mem::size_of::<T>();
    Error::new(Code::ResourceExhausted, format!("no memory for {len} elements of {size} bytes: {error}"))
}
