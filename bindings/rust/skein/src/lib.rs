//! Skein runs RWKV language models. One process holds many streams; each is a conversation with a state of constant
//! size, and all that run share the steps of their model.
//!
//! ```no_run
//! use skein::{Model, ModelOptions, RequestOptions, Runtime, RuntimeOptions, Stream, StreamOptions};
//!
//! fn main() -> skein::Result<()> {
//!     let runtime = Runtime::new(&RuntimeOptions::new())?;
//!     let model = Model::load(&runtime, "model.skein", &ModelOptions::new())?;
//!     let stream = Stream::new(&model, &StreamOptions::new())?;
//!     for piece in stream.complete("In the beginning", &RequestOptions::new().max_tokens(32))? {
//!         print!("{}", piece?);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Lifetimes
//!
//! An object releases its handle when it is dropped, and keeps what it was made from alive. So objects may be dropped
//! in any order, and none of them borrows another. [`Runtime`], [`Model`] and [`Tokenizer`] are references: a clone is
//! the same object. Use after drop does not compile:
//!
//! ```compile_fail,E0382
//! # fn position(stream: skein::Stream) -> skein::Result<u64> {
//! drop(stream);
//! stream.position()
//! # }
//! ```
//!
//! # Threads
//!
//! Every object is `Send` and `Sync`, because every function of the library may be called from any thread. Calls on one
//! stream are serialised; a stream has one writer at a time, and a second one gets [`Code::FailedPrecondition`].
//! Options are plain values. The one closure that the library calls is that of [`Queue::set_wakeup`].
//!
//! # Processes
//!
//! A process may exit at any time. A child of `fork` can use the library if no runtime was alive at the fork; otherwise
//! every call in it fails with [`Code::FailedPrecondition`].

#![warn(missing_docs)]

mod buffer;
mod chat;
mod embed;
mod error;
mod eval;
mod event;
mod handle;
mod history;
mod info;
mod library;
mod model;
mod option_keys;
mod options;
mod pieces;
mod prefix;
mod queue;
mod request;
mod runtime;
mod schedule;
mod score;
mod stream;
mod text;
mod tokenizer;

pub use chat::Message;
pub use embed::{EmbedItem, Embedding, Pooling};
pub use error::{Code, Error, Result};
pub use eval::{EvalItem, Output};
pub use event::{Cache, Event, EventKind, Reason, RequestId};
pub use history::Checkpoint;
pub use library::{describe_snapshot, status_name, version};
pub use model::{convert, describe_model, Model, ModelInfo};
pub use options::{
    option_keys, ChatOptions, ConvertOptions, DescribeOptions, ModelOptions, OptionInfo, OptionKind, OptionType,
    OptionValue, QueueOptions, RequestOptions, RuntimeOptions, StreamOptions, TenantOptions, TokenizerOptions,
};
pub use pieces::Pieces;
pub use prefix::{Prefix, PrefixInfo};
pub use queue::{Events, Queue};
pub use request::{Logprob, Request};
pub use runtime::{DeviceInfo, LogLine, PluginInfo, PluginKind, Progress, Runtime, Severity};
pub use schedule::Load;
pub use score::{Score, ScoreItem};
pub use stream::{Save, Stream};
pub use tokenizer::{Tokenizer, TokenizerInfo};

/// The id of a token: a row of the embedding.
pub type Token = u32;

/// In place of a token where there is none.
pub const NO_TOKEN: Token = skein_sys::SKEIN_NO_TOKEN;

/// The most probable tokens that may be asked for in each place.
pub const MAX_TOP_LOGPROBS: u32 = skein_sys::SKEIN_MAX_TOP_LOGPROBS;
