//! A handle of the library that is released when it is dropped.

use skein_sys as ffi;

use crate::error::{call, Result};

/// What a handle refers to.
///
/// # Safety
///
/// `release` takes the handles of this kind.
pub(crate) unsafe trait Object {
    unsafe fn release(handle: *mut Self, error: *mut ffi::skein_error) -> ffi::skein_status;
}

macro_rules! objects {
    ($($object:ident $release:ident,)*) => {
        $(
            // SAFETY: the two belong together, by the headers.
            unsafe impl Object for ffi::$object {
                unsafe fn release(handle: *mut Self, error: *mut ffi::skein_error) -> ffi::skein_status {
                    ffi::$release(handle, error)
                }
            }
        )*
    };
}

objects! {
    skein_runtime_t skein_runtime_release,
    skein_options_t skein_options_release,
    skein_model_t skein_model_release,
    skein_tokenizer_t skein_tokenizer_release,
    skein_stream_t skein_stream_release,
    skein_queue_t skein_queue_release,
    skein_request_t skein_request_release,
    skein_prefix_t skein_prefix_release,
}

/// Owns one handle. A handle is a value that is looked up in a table, never an address.
pub(crate) struct Handle<T: Object>(*mut T);

// SAFETY: every function may be called from any thread, on one handle from several at a time too (base.h). Options are
// the exception while they are being set; they are made, set and used within one function of this crate.
unsafe impl<T: Object> Send for Handle<T> {}
// SAFETY: as above.
unsafe impl<T: Object> Sync for Handle<T> {}

impl<T: Object> Handle<T> {
    /// Takes the handle that a call gives.
    pub(crate) fn create(
        function: impl FnOnce(*mut *mut T, *mut ffi::skein_error) -> ffi::skein_status,
    ) -> Result<Handle<T>> {
        let mut handle = std::ptr::null_mut();
        call(|error| function(&mut handle, error))?;
        Ok(Handle(handle))
    }

    pub(crate) fn raw(&self) -> *mut T {
        self.0
    }

    /// Releases it now. Later calls with it fail with INVALID_HANDLE, and dropping it does nothing.
    pub(crate) fn release(&self) -> Result<()> {
        // SAFETY: the handle is of this kind; a released one is an error.
        call(|error| unsafe { T::release(self.0, error) })
    }
}

impl<T: Object> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is of this kind. Releasing fails for one that is released already, and in a forked child;
        // there is nothing to do then.
        unsafe { T::release(self.0, std::ptr::null_mut()) };
    }
}
