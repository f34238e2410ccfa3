//! Scores: what a model says of given texts.

use std::mem::size_of;

use skein_sys as ffi;

use crate::error::{call, Code, Result};
use crate::eval::{item_result, NOT_WRITTEN};
use crate::model::Model;
use crate::request::Logprob;
use crate::stream::Stream;
use crate::Token;

/// What is said of the tokens of an item.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Score {
    /// The tokens whose log-probability is a number.
    pub num_scored: u64,
    /// The sum of these log-probabilities.
    pub logprob: f64,
    /// Of each token, given those before it. The first is NaN unless the stream has a token that was sampled and is not
    /// fed yet.
    pub logprobs: Vec<f32>,
    /// The most probable tokens in the place of each token, falling: rows as long as the number asked for.
    pub top: Vec<Logprob>,
}

/// The tokens of one text behind a stream, which is read and not moved.
pub struct ScoreItem<'a> {
    stream: &'a Stream,
    tokens: &'a [Token],
    num_top: u32,
    priority: i32,
    score: Score,
    result: std::result::Result<(), Code>,
}

impl<'a> ScoreItem<'a> {
    /// Scores `tokens`, at least one, behind the last committed token of `stream`.
    pub fn new(stream: &'a Stream, tokens: &'a [Token]) -> ScoreItem<'a> {
        ScoreItem { stream, tokens, num_top: 0, priority: 0, score: Score::default(), result: Ok(()) }
    }

    /// Also gives so many of the most probable tokens in each place, at most
    /// [`MAX_TOP_LOGPROBS`](crate::MAX_TOP_LOGPROBS).
    pub fn num_top(mut self, num_top: u32) -> ScoreItem<'a> {
        self.num_top = num_top;
        self
    }

    /// From -8 to 8: the higher goes first among those of one tenant.
    pub fn priority(mut self, priority: i32) -> ScoreItem<'a> {
        self.priority = priority;
        self
    }

    /// The score, or how the item failed.
    pub fn result(&self) -> std::result::Result<&Score, Code> {
        self.result.map(|()| &self.score)
    }

    fn raw(&mut self) -> ffi::skein_score_item {
        let num_top = self.num_top.min(crate::MAX_TOP_LOGPROBS) as usize;
        self.score.logprobs = vec![f32::NAN; self.tokens.len()];
        self.score.top = vec![Logprob::NONE; self.tokens.len() * num_top];
        let top = self.score.top.as_mut_ptr().cast();
        ffi::skein_score_item {
            stream: self.stream.raw(),
            tokens: self.tokens.as_ptr(),
            num_tokens: self.tokens.len() as u64,
            logprobs: self.score.logprobs.as_mut_ptr(),
            top: if self.num_top == 0 { std::ptr::null_mut() } else { top },
            num_top: self.num_top,
            status: NOT_WRITTEN,
            num_scored: 0,
            logprob: 0.0,
            priority: self.priority,
            reserved: 0,
        }
    }
}

impl Model {
    /// Scores items, and waits until all are done. Each ends on its own; the call gives the first error.
    pub fn score(&self, items: &mut [ScoreItem<'_>]) -> Result<()> {
        let mut raw: Vec<ffi::skein_score_item> = items.iter_mut().map(ScoreItem::raw).collect();
        let (pointer, count) = (raw.as_mut_ptr().cast(), raw.len() as u32);
        let size = size_of::<ffi::skein_score_item>() as u32;
        // SAFETY: the items are of this size, and all that they point to holds for the call. More than the most tokens
        // that may be asked for is an error before anything is written.
        let result = call(|error| unsafe { ffi::skein_score(self.raw(), pointer, size, count, error) });
        for (item, raw) in items.iter_mut().zip(&raw) {
            item.score.num_scored = raw.num_scored;
            item.score.logprob = raw.logprob;
            item.result = item_result(raw.status, &result);
        }
        result
    }
}

impl Stream {
    /// Scores `tokens` behind this stream, which is not moved.
    pub fn score(&self, tokens: &[Token]) -> Result<Score> {
        let mut items = [ScoreItem::new(self, tokens)];
        self.model().score(&mut items)?;
        let [item] = items;
        Ok(item.score)
    }
}
