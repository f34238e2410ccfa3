//! Options: named values for one kind of call. Here they are plain values, which a call hands to the library; what is
//! wrong with them is an error of that call.

use std::borrow::Cow;

use skein_sys as ffi;

use crate::error::{call, Result};
use crate::handle::Handle;
use crate::info::fill_struct;
use crate::text::{c_string, field};

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// A whole number.
    I64(i64),
    /// A real number.
    F64(f64),
    /// A text.
    Str(String),
}

macro_rules! values {
    ($($from:ty => $variant:ident,)*) => {
        $(
            impl From<$from> for OptionValue {
                fn from(value: $from) -> OptionValue {
                    OptionValue::$variant(value.into())
                }
            }
        )*
    };
}

values! { i64 => I64, i32 => I64, u32 => I64, bool => I64, f64 => F64, f32 => F64, &str => Str, String => Str, }

/// The keys that were set, in the order of setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values(Vec<(Cow<'static, str>, OptionValue)>);

impl Values {
    pub(crate) fn set(&mut self, key: impl Into<Cow<'static, str>>, value: OptionValue) {
        self.0.push((key.into(), value));
    }

    fn open(&self, kind: u32) -> Result<OpenOptions> {
        // SAFETY: the place for the handle holds for the call.
        let handle = Handle::create(|options, error| unsafe { ffi::skein_options_create(kind, options, error) })?;
        for (key, value) in &self.0 {
            set_raw(&handle, key, value)?;
        }
        Ok(OpenOptions(Some(handle)))
    }
}

fn set_raw(options: &Handle<ffi::skein_options_t>, key: &str, value: &OptionValue) -> Result<()> {
    let (options, key) = (options.raw(), c_string(key)?);
    // SAFETY: the texts hold for the call.
    match value {
        OptionValue::I64(value) => {
            call(|error| unsafe { ffi::skein_options_set_i64(options, key.as_ptr(), *value, error) })
        }
        OptionValue::F64(value) => {
            call(|error| unsafe { ffi::skein_options_set_f64(options, key.as_ptr(), *value, error) })
        }
        OptionValue::Str(value) => {
            let value = c_string(value.as_str())?;
            call(|error| unsafe { ffi::skein_options_set_str(options, key.as_ptr(), value.as_ptr(), error) })
        }
    }
}

/// Options of the library, for the time of one call; none where nothing was set.
pub(crate) struct OpenOptions(Option<Handle<ffi::skein_options_t>>);

impl OpenOptions {
    pub(crate) fn raw(&self) -> ffi::skein_options {
        self.0.as_ref().map_or(std::ptr::null_mut(), Handle::raw)
    }
}

/// The way of options into a call.
pub(crate) trait Open {
    const KIND: u32;

    fn values(&self) -> &Values;

    /// None, where nothing is set.
    fn open(&self) -> Result<OpenOptions> {
        if self.values().0.is_empty() {
            return Ok(OpenOptions(None));
        }
        self.open_always()
    }

    /// Also where nothing is set.
    fn open_always(&self) -> Result<OpenOptions> {
        self.values().open(Self::KIND)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $options:ident $kind:ident = $number:ident,)*) => {
        /// What options are for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum OptionKind {
            $(#[doc = concat!("[`", stringify!($options), "`]")] $kind,)*
        }

        impl OptionKind {
            /// All kinds.
            pub const ALL: &'static [OptionKind] = &[$(OptionKind::$kind,)*];

            /// The number of the kind.
            pub fn number(self) -> u32 {
                match self {
                    $(OptionKind::$kind => ffi::$number,)*
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct $options(pub(crate) Values);

            impl $options {
                /// Nothing is set: all keys have their defaults.
                pub fn new() -> $options {
                    $options::default()
                }

                /// Sets a key by its name.
                pub fn set(mut self, key: impl Into<String>, value: impl Into<OptionValue>) -> $options {
                    self.0.set(key.into(), value.into());
                    self
                }
            }

            impl Open for $options {
                const KIND: u32 = ffi::$number;

                fn values(&self) -> &Values {
                    &self.0
                }
            }
        )*
    };
}

kinds! {
    /// Options of [`Runtime::new`](crate::Runtime::new).
    RuntimeOptions Runtime = SKEIN_OPTIONS_RUNTIME,
    /// Options of [`Model::load`](crate::Model::load).
    ModelOptions Model = SKEIN_OPTIONS_MODEL,
    /// Options of [`convert`](crate::convert).
    ConvertOptions Convert = SKEIN_OPTIONS_CONVERT,
    /// Options of [`describe_model`](crate::describe_model) and [`describe_snapshot`](crate::describe_snapshot).
    DescribeOptions Describe = SKEIN_OPTIONS_DESCRIBE,
    /// Options of [`Tokenizer::load`](crate::Tokenizer::load).
    TokenizerOptions Tokenizer = SKEIN_OPTIONS_TOKENIZER,
    /// Options of [`Stream::new`](crate::Stream::new) and [`Prefix::start`](crate::Prefix::start).
    StreamOptions Stream = SKEIN_OPTIONS_STREAM,
    /// Options of [`Queue::new`](crate::Queue::new).
    QueueOptions Queue = SKEIN_OPTIONS_QUEUE,
    /// Options of [`Request::set_options`](crate::Request::set_options): sampling and limits.
    RequestOptions Request = SKEIN_OPTIONS_REQUEST,
    /// Options of [`Request::set_chat`](crate::Request::set_chat) and
    /// [`Model::chat_prompt`](crate::Model::chat_prompt).
    ChatOptions Chat = SKEIN_OPTIONS_CHAT,
    /// Options of [`Model::set_tenant`](crate::Model::set_tenant).
    TenantOptions Tenant = SKEIN_OPTIONS_TENANT,
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptionType {
    /// A whole number.
    I64,
    /// A real number; whole ones are taken too.
    F64,
    /// A text.
    Str,
}

/// One key of a kind of options, as the running library knows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// Its name.
    pub key: String,
    /// The type of its value.
    pub value_type: OptionType,
    /// Its default as text; "" where that depends on the model or the machine.
    pub default_value: String,
    /// One sentence: meaning, unit, range.
    pub help: String,
    /// The least value, of a number.
    pub min_value: f64,
    /// The greatest value, of a number.
    pub max_value: f64,
}

/// Lists the keys of a kind.
pub fn option_keys(kind: OptionKind) -> Result<Vec<OptionInfo>> {
    let mut count = 0;
    // SAFETY: the place for the count holds for the call.
    call(|error| unsafe { ffi::skein_options_key_count(kind.number(), &mut count, error) })?;
    (0..count).map(|index| option_info(kind, index)).collect()
}

fn option_info(kind: OptionKind, index: u32) -> Result<OptionInfo> {
    // SAFETY: the call fills the struct, which says its size.
    let info = fill_struct(|info: *mut ffi::skein_option_info, error| unsafe {
        ffi::skein_options_key_info(kind.number(), index, info, error)
    })?;
    Ok(OptionInfo {
        key: field(&info.key),
        value_type: match info.type_ {
            ffi::SKEIN_OPTION_I64 => OptionType::I64,
            ffi::SKEIN_OPTION_F64 => OptionType::F64,
            _ => OptionType::Str,
        },
        default_value: field(&info.default_value),
        help: field(&info.help),
        min_value: info.min_value,
        max_value: info.max_value,
    })
}
