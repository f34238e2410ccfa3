//! Evals: feeding tokens and reading logits, for hosts that do their own sampling.

use std::mem::size_of;

use skein_sys as ffi;

use crate::buffer::floats;
use crate::error::{call, Code, Result};
use crate::model::Model;
use crate::stream::Stream;
use crate::Token;

/// What an eval gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Nothing: it moves the stream.
    None,
    /// `[vocab_size]`, after the last token.
    LastLogits,
    /// `[num_tokens, vocab_size]`, after every token.
    AllLogits,
    /// `[d_model]`, after the last norm, for the last token.
    LastHidden,
    /// `[num_tokens, d_model]`
    AllHidden,
}

impl Output {
    fn number(self) -> u32 {
        match self {
            Output::None => ffi::SKEIN_OUTPUT_NONE,
            Output::LastLogits => ffi::SKEIN_OUTPUT_LAST_LOGITS,
            Output::AllLogits => ffi::SKEIN_OUTPUT_ALL_LOGITS,
            Output::LastHidden => ffi::SKEIN_OUTPUT_LAST_HIDDEN,
            Output::AllHidden => ffi::SKEIN_OUTPUT_ALL_HIDDEN,
        }
    }

    /// The floats that `num_tokens` tokens give with a model.
    pub fn num_floats(self, model: &Model, num_tokens: usize) -> usize {
        let (vocab_size, d_model) = (model.info().vocab_size as usize, model.info().d_model as usize);
        match self {
            Output::None => 0,
            Output::LastLogits => vocab_size,
            Output::AllLogits => num_tokens * vocab_size,
            Output::LastHidden => d_model,
            Output::AllHidden => num_tokens * d_model,
        }
    }
}

/// One stream's part of an eval: tokens, and a place for what they give.
pub struct EvalItem<'a> {
    stream: &'a Stream,
    tokens: &'a [Token],
    kind: Output,
    output: &'a mut [f32],
    result: std::result::Result<(), Code>,
}

impl<'a> EvalItem<'a> {
    /// Feeds `tokens`, at least one, to `stream`; nothing is read.
    pub fn new(stream: &'a Stream, tokens: &'a [Token]) -> EvalItem<'a> {
        EvalItem { stream, tokens, kind: Output::None, output: &mut [], result: Ok(()) }
    }

    /// Writes floats to `output`, which has room for [`Output::num_floats`] of them.
    pub fn output(mut self, kind: Output, output: &'a mut [f32]) -> EvalItem<'a> {
        self.kind = kind;
        self.output = output;
        self
    }

    /// How the item ended.
    pub fn result(&self) -> std::result::Result<(), Code> {
        self.result
    }

    fn raw(&mut self) -> ffi::skein_eval_item {
        let is_empty = self.output.is_empty();
        ffi::skein_eval_item {
            stream: self.stream.raw(),
            tokens: self.tokens.as_ptr(),
            num_tokens: self.tokens.len() as u64,
            output: if is_empty { std::ptr::null_mut() } else { self.output.as_mut_ptr() },
            output_capacity: self.output.len() as u64,
            output_kind: self.kind.number(),
            status: NOT_WRITTEN,
        }
    }
}

/// No status has this number: the call failed before it came to the item.
pub(crate) const NOT_WRITTEN: ffi::skein_status = -1;

/// How an item ended in a call that gave `call`.
pub(crate) fn item_result(status: ffi::skein_status, call: &Result<()>) -> std::result::Result<(), Code> {
    match (status, call) {
        (ffi::SKEIN_OK, _) | (NOT_WRITTEN, Ok(())) => Ok(()),
        (NOT_WRITTEN, Err(error)) => Err(error.code()),
        (status, _) => Err(Code::from_status(status)),
    }
}

impl Model {
    /// Feeds tokens to streams, each at most once, as one batch, and waits until all are done. Each item ends on its
    /// own; the call gives the first error. An item that failed leaves its stream where it was.
    pub fn eval(&self, items: &mut [EvalItem<'_>]) -> Result<()> {
        let mut raw: Vec<ffi::skein_eval_item> = items.iter_mut().map(EvalItem::raw).collect();
        let (pointer, count) = (raw.as_mut_ptr().cast(), raw.len() as u32);
        let size = size_of::<ffi::skein_eval_item>() as u32;
        // SAFETY: the items are of this size, and all that they point to holds for the call.
        let result = call(|error| unsafe { ffi::skein_eval(self.raw(), pointer, size, count, error) });
        for (item, raw) in items.iter_mut().zip(&raw) {
            item.result = item_result(raw.status, &result);
        }
        result
    }
}

impl Stream {
    /// Feeds tokens to this stream, and gives what was asked for.
    pub fn eval(&self, tokens: &[Token], output: Output) -> Result<Vec<f32>> {
        let mut floats = floats(output.num_floats(self.model(), tokens.len()))?;
        self.model().eval(&mut [EvalItem::new(self, tokens).output(output, &mut floats)])?;
        Ok(floats)
    }
}
