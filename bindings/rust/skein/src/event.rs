//! Events: what becomes of requests.

use std::borrow::Cow;
use std::time::Duration;

use skein_sys as ffi;

use crate::error::{Code, Error};
use crate::Token;

/// What a request is known by, as long as its events come, also after it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    pub(crate) fn of(request: ffi::skein_request) -> RequestId {
        RequestId(request as usize as u64)
    }
}

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is none, as in the terminal event of several samples.
    None,
    /// A stop token or the end of text was sampled; it is not part of the output.
    StopToken,
    /// A stop string appeared; it and all that follows are not part of the text.
    StopText,
    /// `max_tokens` was reached.
    Length,
}

impl Reason {
    fn from_number(number: u32) -> Reason {
        match number {
            ffi::SKEIN_REASON_STOP_TOKEN => Reason::StopToken,
            ffi::SKEIN_REASON_STOP_TEXT => Reason::StopText,
            ffi::SKEIN_REASON_LENGTH => Reason::Length,
            _ => Reason::None,
        }
    }
}

/// What the model's prefix cache had for a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cache {
    /// The request has not begun.
    Unknown,
    /// A part of the prompt was not computed; see [`Event::num_cached_tokens`].
    Hit,
    /// The option `prefix_cache` of the model or of the request is 0.
    Off,
    /// The stream stands behind its initial state already.
    NotAtStart,
    /// No prompt that begins alike is known.
    Cold,
    /// One is, but no state is kept where this one parts from it.
    NoState,
    /// A state that would have served was dropped for others.
    Evicted,
    /// `prompt_logprobs` needs the logits behind every token.
    Rows,
}

impl Cache {
    fn from_number(number: u32) -> Cache {
        match number {
            ffi::SKEIN_CACHE_HIT => Cache::Hit,
            ffi::SKEIN_CACHE_OFF => Cache::Off,
            ffi::SKEIN_CACHE_NOT_AT_START => Cache::NotAtStart,
            ffi::SKEIN_CACHE_COLD => Cache::Cold,
            ffi::SKEIN_CACHE_NO_STATE => Cache::NoState,
            ffi::SKEIN_CACHE_EVICTED => Cache::Evicted,
            ffi::SKEIN_CACHE_ROWS => Cache::Rows,
            _ => Cache::Unknown,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// One generated token. Its text may be empty, because it is held back, or cover earlier tokens.
    Token(Token),
    /// One of several samples ended, or failed alone.
    SampleDone(Result<Reason, Error>),
    /// Terminal. The event's text is the rest, which was held back.
    Done(Reason),
    /// Terminal: the request failed.
    Error(Error),
    /// Terminal: it was cancelled.
    Cancelled,
    /// A kind of a later version of the library.
    Other(u32),
}

/// Something that a request tells. Each submitted request has one terminal event, which is its last.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Whose event it is.
    pub request: RequestId,
    /// As set on the request.
    pub user_data: u64,
    /// Complete UTF-8 sequences, as far as the model writes UTF-8.
    pub text: Vec<u8>,
    /// Read so far.
    pub num_prompt_tokens: u64,
    /// The part of `num_prompt_tokens` that was not computed, because a cached state had read it.
    pub num_cached_tokens: u64,
    /// Generated so far in the sample, this one included; in terminal events in all samples.
    pub num_tokens: u64,
    /// Tokens committed in the sample's stream.
    pub position: u64,
    /// The index of the sample; in terminal events of the one that the stream goes on from.
    pub sample: u32,
    /// The natural logarithm of the token's probability; NaN where it was not asked for.
    pub logprob: f32,
    /// The sum of those of the sample so far; NaN where they were not asked for.
    pub logprob_sum: f64,
    /// From submit to the start of the first step that feeds a token of the request.
    pub queue_time: Duration,
    /// From there to the end of the step that feeds the prompt's last token.
    pub prefill_time: Duration,
    /// From there on.
    pub decode_time: Duration,
    /// What the prefix cache had for the prompt.
    pub cache: Cache,
}

impl Event {
    /// `texts` are the texts of the events that were taken together with this one.
    pub(crate) fn from_raw(raw: &ffi::skein_event, texts: &[u8]) -> Event {
        let begin = raw.text_offset as usize;
        let text = texts[begin..begin + raw.text_bytes as usize].to_vec();
        Event {
            kind: kind_of(raw, &text),
            request: RequestId::of(raw.request),
            user_data: raw.user_data,
            text,
            num_prompt_tokens: raw.num_prompt_tokens,
            num_cached_tokens: raw.num_cached_tokens,
            num_tokens: raw.num_tokens,
            position: raw.position,
            sample: raw.sample,
            logprob: raw.logprob,
            logprob_sum: raw.logprob_sum,
            queue_time: Duration::from_micros(raw.queue_us),
            prefill_time: Duration::from_micros(raw.prefill_us),
            decode_time: Duration::from_micros(raw.decode_us),
            cache: Cache::from_number(raw.cache),
        }
    }

    /// The text. What is not UTF-8 in it is replaced by U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// Whether it is the last event of its request.
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, EventKind::Done(_) | EventKind::Error(_) | EventKind::Cancelled)
    }
}

fn kind_of(raw: &ffi::skein_event, text: &[u8]) -> EventKind {
    let error = || Error::new(Code::from_status(raw.status), String::from_utf8_lossy(text));
    match raw.kind {
        ffi::SKEIN_EVENT_TOKEN => EventKind::Token(raw.token),
        ffi::SKEIN_EVENT_DONE => EventKind::Done(Reason::from_number(raw.reason)),
        ffi::SKEIN_EVENT_ERROR => EventKind::Error(error()),
        ffi::SKEIN_EVENT_CANCELLED => EventKind::Cancelled,
        ffi::SKEIN_EVENT_SAMPLE_DONE if raw.status == ffi::SKEIN_OK => {
            EventKind::SampleDone(Ok(Reason::from_number(raw.reason)))
        }
        ffi::SKEIN_EVENT_SAMPLE_DONE => EventKind::SampleDone(Err(error())),
        other => EventKind::Other(other),
    }
}
