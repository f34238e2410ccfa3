//! Structs of the library that start with their size, and that a call fills.

use std::mem::{size_of, MaybeUninit};

use skein_sys as ffi;

use crate::error::{call, Result};

/// A struct that starts with `struct_size`.
///
/// # Safety
///
/// Its first field is a `u32` of that meaning, and all zero bytes are a value of it.
pub(crate) unsafe trait FilledStruct: Copy {}

macro_rules! sized {
    ($($name:ident)*) => {
        $(
            // SAFETY: by the headers; numbers and arrays of characters alone.
            unsafe impl FilledStruct for ffi::$name {}
        )*
    };
}

sized! {
    skein_option_info skein_plugin_info skein_device_info skein_progress skein_model_info skein_tokenizer_info
    skein_prefix_info skein_load
}

/// Has a call fill a struct. What an older library does not know stays zero.
pub(crate) fn fill_struct<T: FilledStruct>(
    function: impl FnOnce(*mut T, *mut ffi::skein_error) -> ffi::skein_status,
) -> Result<T> {
    let mut info = MaybeUninit::<T>::zeroed();
    // SAFETY: the first field is the size, and zero bytes are a value, by the trait.
    unsafe {
        info.as_mut_ptr().cast::<u32>().write(size_of::<T>() as u32);
        call(|error| function(info.as_mut_ptr(), error))?;
        Ok(info.assume_init())
    }
}
