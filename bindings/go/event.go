package skein

// #include <skein/skein.h>
import "C"

import (
	"time"
	"unsafe"
)

// EventKind is what an event tells.
type EventKind uint32

const (
	TokenEvent      EventKind = C.SKEIN_EVENT_TOKEN       // one token; its text may be empty or cover earlier tokens
	DoneEvent       EventKind = C.SKEIN_EVENT_DONE        // the request's end; its text is the rest
	ErrorEvent      EventKind = C.SKEIN_EVENT_ERROR       // the request's end; its text is the message
	CancelledEvent  EventKind = C.SKEIN_EVENT_CANCELLED   // the request's end
	SampleDoneEvent EventKind = C.SKEIN_EVENT_SAMPLE_DONE // the end of one sample of several
)

// Reason says why a request or a sample is done.
type Reason uint32

const (
	NoReason        Reason = C.SKEIN_REASON_NONE
	StopTokenReason Reason = C.SKEIN_REASON_STOP_TOKEN // a stop token or the end of text was sampled
	StopTextReason  Reason = C.SKEIN_REASON_STOP_TEXT  // a stop string appeared
	LengthReason    Reason = C.SKEIN_REASON_LENGTH     // max_tokens reached
)

// CacheOutcome is what the model's prefix cache had for a prompt.
type CacheOutcome uint32

const (
	CacheUnknown    CacheOutcome = C.SKEIN_CACHE_UNKNOWN      // the request has not begun
	CacheHit        CacheOutcome = C.SKEIN_CACHE_HIT          // see Event.NumCachedTokens
	CacheOff        CacheOutcome = C.SKEIN_CACHE_OFF          // the option "prefix_cache" is 0
	CacheNotAtStart CacheOutcome = C.SKEIN_CACHE_NOT_AT_START // the stream stands behind its initial state
	CacheCold       CacheOutcome = C.SKEIN_CACHE_COLD         // no prompt that begins alike is known
	CacheNoState    CacheOutcome = C.SKEIN_CACHE_NO_STATE     // one is, but no state is kept where they part
	CacheEvicted    CacheOutcome = C.SKEIN_CACHE_EVICTED      // a state that would have served was dropped
	CacheRows       CacheOutcome = C.SKEIN_CACHE_ROWS         // prompt_logprobs needs every token
)

// Event is one thing that happened to a request.
type Event struct {
	Kind            EventKind
	Reason          Reason   // with DoneEvent and SampleDoneEvent
	Request         *Request // as it was submitted
	UserData        uint64
	Token           Token         // with TokenEvent
	Status          Code          // with ErrorEvent, and with SampleDoneEvent of a sample that failed
	Text            string        // complete UTF-8 sequences as far as the model writes UTF-8
	NumPromptTokens uint64        // read so far
	NumTokens       uint64        // generated so far in the sample; in terminal events in all samples
	Position        uint64        // of the sample's stream
	Logprob         float32       // of the token; NaN unless the options "logprobs" or "best_of" ask for it
	Sample          uint32        // the sample's index
	NumCachedTokens uint64        // the part of NumPromptTokens that was not computed
	Queued          time.Duration // from submit to the first step
	Prefill         time.Duration // from there to the end of the prompt
	Decode          time.Duration // from there on
	LogprobSum      float64       // of the sample's tokens so far; NaN as Logprob
	Cache           CacheOutcome
}

// Terminal says whether the event is its request's last one.
func (e *Event) Terminal() bool {
	return e.Kind == DoneEvent || e.Kind == ErrorEvent || e.Kind == CancelledEvent
}

// Err gives the failure that the event tells of: an *Error with ErrorEvent, CancelledEvent and the
// SampleDoneEvent of a sample that failed, else nil.
func (e *Event) Err() error {
	switch {
	case e.Kind == CancelledEvent:
		return &Error{Code: Cancelled, Message: "the request was cancelled"}
	case e.Status != OK:
		return &Error{Code: e.Status, Message: e.Text}
	}
	return nil
}

// eventOf makes an event of the ABI's struct, whose text starts in texts at its offset.
func eventOf(e *C.skein_event, texts []byte) Event {
	return Event{
		Kind: EventKind(e.kind), Reason: Reason(e.reason), UserData: uint64(e.user_data), Token: Token(e.token),
		Status: Code(e.status), Text: string(texts[e.text_offset : e.text_offset+e.text_bytes]),
		NumPromptTokens: uint64(e.num_prompt_tokens), NumTokens: uint64(e.num_tokens), Position: uint64(e.position),
		Logprob: float32(e.logprob), Sample: uint32(e.sample), NumCachedTokens: uint64(e.num_cached_tokens),
		Queued: microseconds(e.queue_us), Prefill: microseconds(e.prefill_us), Decode: microseconds(e.decode_us),
		LogprobSum: float64(e.logprob_sum), Cache: CacheOutcome(e.cache),
	}
}

func requestOf(e *C.skein_event) uint64 { return *(*uint64)(unsafe.Pointer(&e.request)) }

func microseconds(us C.uint64_t) time.Duration { return time.Duration(us) * time.Microsecond }
