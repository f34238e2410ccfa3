//! The one error of this crate, and the call of a function that may give it.

use std::ffi::CStr;
use std::fmt;
use std::mem::MaybeUninit;
use std::time::Duration;

use skein_sys as ffi;

/// What a call gives.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:ident,)*) => {
        /// Why a call failed: the codes of gRPC and Abseil, and those of Skein.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// A number of a later version of the library.
            Other(i32),
        }

        impl Code {
            pub(crate) fn from_status(status: ffi::skein_status) -> Code {
                match status {
                    $(ffi::$number => Code::$name,)*
                    other => Code::Other(other),
                }
            }

            /// The number of the code.
            pub fn status(self) -> i32 {
                match self {
                    $(Code::$name => ffi::$number,)*
                    Code::Other(number) => number,
                }
            }
        }
    };
}

codes! {
    /// It was asked to end.
    Cancelled = SKEIN_CANCELLED,
    /// Nothing more is known.
    Unknown = SKEIN_UNKNOWN,
    /// The arguments are wrong whatever the state of the library.
    InvalidArgument = SKEIN_INVALID_ARGUMENT,
    /// A deadline passed, or could not be met.
    DeadlineExceeded = SKEIN_DEADLINE_EXCEEDED,
    /// No such file, device, key, plugin or entry.
    NotFound = SKEIN_NOT_FOUND,
    /// It is there already.
    AlreadyExists = SKEIN_ALREADY_EXISTS,
    /// The system does not allow it.
    PermissionDenied = SKEIN_PERMISSION_DENIED,
    /// Out of memory, slots or room in a queue; see [`Error::retry_after`].
    ResourceExhausted = SKEIN_RESOURCE_EXHAUSTED,
    /// Not in this state: a request runs on the stream, or the process is a forked child.
    FailedPrecondition = SKEIN_FAILED_PRECONDITION,
    /// It was given up.
    Aborted = SKEIN_ABORTED,
    /// An index or a position is past the end.
    OutOfRange = SKEIN_OUT_OF_RANGE,
    /// This device, format or build does not offer it.
    Unimplemented = SKEIN_UNIMPLEMENTED,
    /// A defect of Skein or of a plugin.
    Internal = SKEIN_INTERNAL,
    /// A device of the model is lost; drop the model, and load it again.
    Unavailable = SKEIN_UNAVAILABLE,
    /// A file or snapshot is truncated, corrupt or lies about itself.
    DataLoss = SKEIN_DATA_LOSS,
    /// The caller is not known.
    Unauthenticated = SKEIN_UNAUTHENTICATED,
    /// The object was closed.
    InvalidHandle = SKEIN_INVALID_HANDLE,
}

impl Code {
    /// The name of the code, such as "INVALID_ARGUMENT".
    pub fn name(self) -> &'static str {
        crate::status_name(self.status())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A failed call. What it was asked for did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
    retry_after_ms: u32,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), retry_after_ms: 0 }
    }

    /// Why the call failed.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What was expected, what was found, and where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The time after which trying again makes sense, where it is known.
    pub fn retry_after(&self) -> Option<Duration> {
        (self.retry_after_ms > 0).then(|| Duration::from_millis(self.retry_after_ms.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// Makes a call, which gets a place for its error.
pub(crate) fn call(function: impl FnOnce(*mut ffi::skein_error) -> ffi::skein_status) -> Result<()> {
    let mut error = MaybeUninit::<ffi::skein_error>::uninit();
    let status = function(error.as_mut_ptr());
    if status == ffi::SKEIN_OK {
        return Ok(());
    }
    // SAFETY: a call that fails fills the error, whose message ends with a NUL.
    let (message, retry_after_ms) = unsafe {
        let error = error.as_ptr();
        let message = CStr::from_ptr(std::ptr::addr_of!((*error).message).cast());
        (message.to_string_lossy().into_owned(), (*error).retry_after_ms)
    };
    Err(Error { code: Code::from_status(status), message, retry_after_ms })
}
