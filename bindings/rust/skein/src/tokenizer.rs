//! Tokenizers: text to token ids and back.

use std::path::Path;
use std::sync::Arc;

use skein_sys as ffi;

use crate::buffer::fill;
use crate::error::Result;
use crate::handle::Handle;
use crate::info::fill_struct;
use crate::model::Model;
use crate::options::{Open, TokenizerOptions};
use crate::runtime::Runtime;
use crate::text::{c_path, field};
use crate::Token;

/// A vocabulary, which never changes. A clone is the same tokenizer.
#[derive(Clone)]
pub struct Tokenizer(Arc<Handle<ffi::skein_tokenizer_t>>);

impl Tokenizer {
    /// Loads a vocabulary file, "world", "bytes", or the vocabulary of a model file.
    pub fn load(runtime: &Runtime, path: impl AsRef<Path>, options: &TokenizerOptions) -> Result<Tokenizer> {
        let path = c_path(path.as_ref())?;
        let options = options.open()?;
        // SAFETY: the pointers hold for the call.
        let handle = Handle::create(|tokenizer, error| unsafe {
            ffi::skein_tokenizer_load(runtime.raw(), path.as_ptr(), options.raw(), tokenizer, error)
        })?;
        Ok(Tokenizer(Arc::new(handle)))
    }

    /// What the vocabulary is, and where it comes from.
    pub fn info(&self) -> Result<TokenizerInfo> {
        // SAFETY: the call fills the struct.
        let info = fill_struct(|info: *mut ffi::skein_tokenizer_info, error| unsafe {
            ffi::skein_tokenizer_get_info(self.0.raw(), info, error)
        })?;
        Ok(TokenizerInfo {
            vocab_size: info.vocab_size,
            kind: field(&info.kind),
            origin: field(&info.origin),
            path: field(&info.path),
        })
    }

    /// The tokens of a text of any bytes.
    pub fn encode(&self, text: impl AsRef<[u8]>) -> Result<Vec<Token>> {
        let text = text.as_ref();
        // SAFETY: the text and the buffer hold for the call. There are seldom more tokens than bytes.
        fill(text.len(), |tokens, capacity, count, error| unsafe {
            let (text, len) = (text.as_ptr().cast(), text.len() as u64);
            ffi::skein_tokenizer_encode(self.0.raw(), text, len, tokens, capacity, count, error)
        })
    }

    /// The bytes of tokens. They may end inside a UTF-8 sequence.
    pub fn decode(&self, tokens: &[Token]) -> Result<Vec<u8>> {
        // SAFETY: the tokens and the buffer hold for the call.
        fill(8 * tokens.len(), |buffer: *mut u8, capacity, size, error| unsafe {
            let (tokens, len) = (tokens.as_ptr(), tokens.len() as u64);
            ffi::skein_tokenizer_decode(self.0.raw(), tokens, len, buffer.cast(), capacity, size, error)
        })
    }
}

impl Model {
    /// The tokenizer of the model.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        // SAFETY: the pointers hold for the call.
        let handle =
            Handle::create(|tokenizer, error| unsafe { ffi::skein_model_tokenizer(self.raw(), tokenizer, error) })?;
        Ok(Tokenizer(Arc::new(handle)))
    }
}

/// What a vocabulary is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenizerInfo {
    /// Ids are below this.
    pub vocab_size: u32,
    /// "world", "bpe" or "bytes".
    pub kind: String,
    /// How it was chosen: "given", "model", "beside" or "box".
    pub origin: String,
    /// The file, or the name of a vocabulary that needs none.
    pub path: String,
}
