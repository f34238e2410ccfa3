//! Embeddings: texts as vectors.

use std::ffi::CString;
use std::mem::size_of;

use skein_sys as ffi;

use crate::buffer::floats;
use crate::error::{call, Code, Result};
use crate::eval::{item_result, NOT_WRITTEN};
use crate::model::Model;
use crate::stream::Stream;
use crate::text::c_string;
use crate::Token;

/// How the rows of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The row of the last token, which has read the whole text.
    #[default]
    Last,
    /// The mean of all rows.
    Mean,
}

/// The final hidden state behind the output norm.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// `[d_model]`
    pub values: Vec<f32>,
    /// The tokens of the text.
    pub num_read: u64,
}

enum Input<'a> {
    Text(&'a [u8]),
    Tokens(&'a [Token]),
}

/// One text whose embedding is wanted.
pub struct EmbedItem<'a> {
    input: Input<'a>,
    stream: Option<&'a Stream>,
    tenant: Option<&'a str>,
    pooling: Pooling,
    normalise: bool,
    priority: i32,
    embedding: Embedding,
    result: std::result::Result<(), Code>,
}

impl<'a> EmbedItem<'a> {
    /// A text, which the model's tokenizer encodes.
    pub fn text(text: &'a (impl AsRef<[u8]> + ?Sized)) -> EmbedItem<'a> {
        EmbedItem::new(Input::Text(text.as_ref()))
    }

    /// A text as tokens.
    pub fn tokens(tokens: &'a [Token]) -> EmbedItem<'a> {
        EmbedItem::new(Input::Tokens(tokens))
    }

    fn new(input: Input<'a>) -> EmbedItem<'a> {
        EmbedItem {
            input,
            stream: None,
            tenant: None,
            pooling: Pooling::Last,
            normalise: false,
            priority: 0,
            embedding: Embedding::default(),
            result: Ok(()),
        }
    }

    /// The text comes behind `stream`, which is not moved, in place of the model's initial state.
    pub fn behind(mut self, stream: &'a Stream) -> EmbedItem<'a> {
        self.stream = Some(stream);
        self
    }

    /// The tenant of an item without a stream.
    pub fn tenant(mut self, tenant: &'a str) -> EmbedItem<'a> {
        self.tenant = Some(tenant);
        self
    }

    /// How the rows become one.
    pub fn pooling(mut self, pooling: Pooling) -> EmbedItem<'a> {
        self.pooling = pooling;
        self
    }

    /// Whether the embedding is brought to length 1, as cosines want it.
    pub fn normalise(mut self, normalise: bool) -> EmbedItem<'a> {
        self.normalise = normalise;
        self
    }

    /// From -8 to 8: the higher goes first among those of one tenant.
    pub fn priority(mut self, priority: i32) -> EmbedItem<'a> {
        self.priority = priority;
        self
    }

    /// The embedding, or how the item failed.
    pub fn result(&self) -> std::result::Result<&Embedding, Code> {
        self.result.map(|()| &self.embedding)
    }

    fn raw(&mut self, d_model: usize, tenant: &Option<CString>) -> Result<ffi::skein_embed_item> {
        self.embedding.values = floats(d_model)?;
        let (tokens, num_tokens) = match self.input {
            Input::Tokens(tokens) => (tokens.as_ptr(), tokens.len()),
            Input::Text(_) => (std::ptr::null(), 0),
        };
        let (text, text_bytes) = match self.input {
            Input::Text(text) => (text.as_ptr().cast(), text.len()),
            Input::Tokens(_) => (std::ptr::null(), 0),
        };
        Ok(ffi::skein_embed_item {
            stream: self.stream.map_or(std::ptr::null_mut(), Stream::raw),
            tokens,
            num_tokens: num_tokens as u64,
            text,
            text_bytes: text_bytes as u64,
            embedding: self.embedding.values.as_mut_ptr(),
            capacity: d_model as u64,
            pooling: match self.pooling {
                Pooling::Last => ffi::SKEIN_POOLING_LAST,
                Pooling::Mean => ffi::SKEIN_POOLING_MEAN,
            },
            normalise: self.normalise.into(),
            status: NOT_WRITTEN,
            priority: self.priority,
            num_read: 0,
            tenant: tenant.as_ref().map_or(std::ptr::null(), |tenant| tenant.as_ptr()),
        })
    }
}

impl Model {
    /// Computes embeddings, and waits until all are done. Each item ends on its own; the call gives the first error.
    pub fn embed(&self, items: &mut [EmbedItem<'_>]) -> Result<()> {
        let tenants = items.iter().map(|item| item.tenant.map(c_string).transpose()).collect::<Result<Vec<_>>>()?;
        let d_model = self.info().d_model as usize;
        let raw = items.iter_mut().zip(&tenants).map(|(item, tenant)| item.raw(d_model, tenant));
        let mut raw = raw.collect::<Result<Vec<_>>>()?;
        let (pointer, count) = (raw.as_mut_ptr().cast(), raw.len() as u32);
        let size = size_of::<ffi::skein_embed_item>() as u32;
        // SAFETY: the items are of this size, and all that they point to holds for the call.
        let result = call(|error| unsafe { ffi::skein_embed(self.raw(), pointer, size, count, error) });
        for (item, raw) in items.iter_mut().zip(&raw) {
            item.embedding.num_read = raw.num_read;
            item.result = item_result(raw.status, &result);
        }
        result
    }
}
