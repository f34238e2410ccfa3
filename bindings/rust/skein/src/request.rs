//! Requests: a prompt with sampling and stops, which the scheduler runs in a batch with all others.

use std::mem::size_of;

use skein_sys as ffi;

use crate::buffer::fill;
use crate::error::{call, Result};
use crate::event::RequestId;
use crate::handle::Handle;
use crate::model::Model;
use crate::options::{Open, QueueOptions, RequestOptions};
use crate::pieces::Pieces;
use crate::queue::Queue;
use crate::stream::Stream;
use crate::Token;

/// A prompt to be continued on a stream. The order: set prompt, options and stops; submit it to a
/// [`Queue`](crate::Queue), once; take events until its terminal one. Dropping a request that runs lets it run;
/// [`Request::cancel`] ends it.
pub struct Request {
    handle: Handle<ffi::skein_request_t>,
    model: Model,
}

/// A token, and the natural logarithm of its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Logprob {
    /// [`NO_TOKEN`](crate::NO_TOKEN) where there is none.
    pub token: Token,
    /// NaN where there is none.
    pub logprob: f32,
}

impl Logprob {
    pub(crate) const NONE: Logprob = Logprob { token: crate::NO_TOKEN, logprob: f32::NAN };
}

const _: () = assert!(size_of::<Logprob>() == size_of::<ffi::skein_logprob>());

impl Request {
    /// Makes a request with the model's defaults and an empty prompt.
    pub fn new(stream: &Stream) -> Result<Request> {
        // SAFETY: the pointers hold for the call.
        let handle =
            Handle::create(|request, error| unsafe { ffi::skein_request_create(stream.raw(), request, error) })?;
        Ok(Request { handle, model: stream.model().clone() })
    }

    /// What its events are known by.
    pub fn id(&self) -> RequestId {
        RequestId::of(self.raw())
    }

    /// Sets the prompt, of any bytes. An empty one continues from the stream's last token.
    pub fn set_prompt(&self, text: impl AsRef<[u8]>) -> Result<()> {
        let text = text.as_ref();
        let (pointer, len) = (text.as_ptr().cast(), text.len() as u64);
        // SAFETY: the text holds for the call.
        call(|error| unsafe { ffi::skein_request_set_prompt(self.raw(), pointer, len, error) })
    }

    /// Sets the prompt as tokens.
    pub fn set_prompt_tokens(&self, tokens: &[Token]) -> Result<()> {
        let (pointer, len) = (tokens.as_ptr(), tokens.len() as u64);
        // SAFETY: the tokens hold for the call.
        call(|error| unsafe { ffi::skein_request_set_prompt_tokens(self.raw(), pointer, len, error) })
    }

    /// Sets sampling and limits. A key that is not set has the value in the model's manifest, or else its default.
    pub fn set_options(&self, options: &RequestOptions) -> Result<()> {
        let options = options.open_always()?;
        // SAFETY: the pointers hold for the call.
        call(|error| unsafe { ffi::skein_request_set_options(self.raw(), options.raw(), error) })
    }

    /// Adds a stop string, which is found across the borders of tokens.
    pub fn add_stop(&self, text: impl AsRef<[u8]>) -> Result<()> {
        let text = text.as_ref();
        let (pointer, len) = (text.as_ptr().cast(), text.len() as u64);
        // SAFETY: the text holds for the call.
        call(|error| unsafe { ffi::skein_request_add_stop(self.raw(), pointer, len, error) })
    }

    /// Adds a stop token.
    pub fn add_stop_token(&self, token: Token) -> Result<()> {
        // SAFETY: the handle is a request's.
        call(|error| unsafe { ffi::skein_request_add_stop_token(self.raw(), token, error) })
    }

    /// Adds `bias` to the logit of `token` before filtering; minus infinity bans it.
    pub fn set_logit_bias(&self, token: Token, bias: f32) -> Result<()> {
        // SAFETY: the handle is a request's.
        call(|error| unsafe { ffi::skein_request_set_logit_bias(self.raw(), token, bias, error) })
    }

    /// Sets a number of the program's own, which every event of the request carries.
    pub fn set_user_data(&self, user_data: u64) -> Result<()> {
        // SAFETY: the handle is a request's.
        call(|error| unsafe { ffi::skein_request_set_user_data(self.raw(), user_data, error) })
    }

    /// Asks the request to end at the next step. Its event CANCELLED follows, unless it ended before. Never waits.
    pub fn cancel(&self) -> Result<()> {
        // SAFETY: the handle is a request's.
        call(|error| unsafe { ffi::skein_request_cancel(self.raw(), error) })
    }

    /// Acknowledges tokens of a request with a window, which waits until its reader has done so.
    pub fn acknowledge(&self, num_tokens: u64) -> Result<()> {
        // SAFETY: the handle is a request's.
        call(|error| unsafe { ffi::skein_request_acknowledge(self.raw(), num_tokens, error) })
    }

    /// The stream of a sample of a request that has several and has ended. Each can be taken once.
    pub fn take_sample(&self, sample: u32) -> Result<Stream> {
        Stream::create(&self.model, |stream, error| {
            // SAFETY: the pointers hold for the call.
            unsafe { ffi::skein_request_take_sample(self.raw(), sample, stream, error) }
        })
    }

    /// The log-probabilities of a sample's tokens from its `first`-th on: for each a row with the token itself, then
    /// the most probable ones in its place, falling. Rows have the same length, 1 and the value of `logprobs`.
    pub fn logprobs(&self, sample: u32, first: u64, num_tokens: u64) -> Result<Vec<Logprob>> {
        // SAFETY: the buffer holds for the call. `Logprob` is laid out as the library's struct.
        fill(0, |logprobs: *mut Logprob, capacity, count, error| unsafe {
            let logprobs = logprobs.cast();
            ffi::skein_request_logprobs(self.raw(), sample, first, num_tokens, logprobs, capacity, count, error)
        })
    }

    /// The same of the prompt's tokens, by the option `prompt_logprobs`.
    pub fn prompt_logprobs(&self, first: u64, num_tokens: u64) -> Result<Vec<Logprob>> {
        self.logprobs(ffi::SKEIN_SAMPLE_PROMPT, first, num_tokens)
    }

    /// Submits the request to a queue of its own, and gives its text piece by piece.
    pub fn pieces(self) -> Result<Pieces> {
        let queue = Queue::new(self.model.runtime(), &QueueOptions::new())?;
        queue.submit(&self)?;
        Ok(Pieces::new(queue, self))
    }

    pub(crate) fn raw(&self) -> ffi::skein_request {
        self.handle.raw()
    }
}
