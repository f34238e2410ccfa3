package skein

// #include <skein/skein.h>
import "C"

import (
	"math"
	"runtime"
)

// Request is a prompt with sampling and stops, to be submitted once: by Start, or to a Queue. Closing it
// does not end it; Cancel does.
type Request struct {
	handle handle
	stream *Stream // a stream that the collector closed would end the request
	window bool    // the option window is set
}

// NewRequest makes a request on the stream, with the model's defaults and an empty prompt.
func (s *Stream) NewRequest() (*Request, error) {
	defer runtime.KeepAlive(s)
	var r C.skein_request
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_request_create(s.c(), &r, e) })
	if err != nil {
		return nil, err
	}
	return opened(&Request{handle: handle{valueOf(r)}, stream: s}), nil
}

// Close releases the handle. A request that runs goes on and delivers its events.
func (r *Request) Close() error {
	return r.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_request_release(as[C.skein_request](value), e)
	})
}

func (r *Request) c() C.skein_request { return as[C.skein_request](r.handle.get()) }

// SetPrompt sets the prompt as text. An empty prompt continues from the stream's last token.
func (r *Request) SetPrompt(text string) error {
	defer runtime.KeepAlive(r)
	bytes := []byte(text)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_set_prompt(r.c(), chars(bytes), C.uint64_t(len(bytes)), e)
	})
}

// SetPromptTokens sets the prompt as tokens.
func (r *Request) SetPromptTokens(tokens []Token) error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_set_prompt_tokens(r.c(), tokenPointer(tokens), C.uint64_t(len(tokens)), e)
	})
}

// SetOptions sets sampling and limits. Keys that are not set have the model's defaults again.
func (r *Request) SetOptions(options Options) error {
	defer runtime.KeepAlive(r)
	err := options.made(RequestOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_request_set_options(r.c(), options, e) })
	})
	if err == nil {
		_, r.window = options["window"]
	}
	return err
}

// AddStop adds a string that ends the text in front of it.
func (r *Request) AddStop(text string) error {
	defer runtime.KeepAlive(r)
	bytes := []byte(text)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_add_stop(r.c(), chars(bytes), C.uint64_t(len(bytes)), e)
	})
}

// AddStopToken adds a token that ends the text.
func (r *Request) AddStopToken(token Token) error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_add_stop_token(r.c(), C.skein_token(token), e)
	})
}

// SetLogitBias adds bias to the logit of token; minus infinity bans it.
func (r *Request) SetLogitBias(token Token, bias float32) error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_set_logit_bias(r.c(), C.skein_token(token), C.float(bias), e)
	})
}

// SetUserData sets a number of the caller's own, which every event of the request carries.
func (r *Request) SetUserData(number uint64) error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_set_user_data(r.c(), C.uint64_t(number), e)
	})
}

// Cancel asks the request to end at the next step.
func (r *Request) Cancel() error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status { return C.skein_request_cancel(r.c(), e) })
}

// Acknowledge says that tokens of a request with the option "window" were dealt with. A Generation does
// so for each token that was received from it.
func (r *Request) Acknowledge(numTokens uint64) error {
	defer runtime.KeepAlive(r)
	return call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_acknowledge(r.c(), C.uint64_t(numTokens), e)
	})
}

// PromptSample stands for the prompt in place of the index of a sample.
const PromptSample uint32 = C.SKEIN_SAMPLE_PROMPT

// Logprobs gives the log-probabilities of a sample's tokens from the first one on: for each of numTokens
// tokens a row with the token itself and then the most probable ones in its place.
func (r *Request) Logprobs(sample uint32, first, numTokens uint64) ([][]Logprob, error) {
	defer runtime.KeepAlive(r)
	if numTokens > math.MaxInt32 {
		return nil, invalidArgument("logprobs: %d tokens; expected at most %d", numTokens, math.MaxInt32)
	}
	all, err := sized(0, func(b *C.skein_logprob, n C.uint64_t, count *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_request_logprobs(r.c(), C.uint32_t(sample), C.uint64_t(first), C.uint64_t(numTokens), b, n, count, e)
	})
	if err != nil || numTokens == 0 {
		return nil, err
	}
	return rowsOf(logprobsOf(all), int(numTokens), len(all)/int(numTokens)), nil
}

// TakeSample gives the stream of a sample, once, after the request has ended.
func (r *Request) TakeSample(sample uint32) (*Stream, error) {
	defer runtime.KeepAlive(r)
	var s C.skein_stream
	err := call(func(e *C.skein_error) C.skein_status {
		return C.skein_request_take_sample(r.c(), C.uint32_t(sample), &s, e)
	})
	if err != nil {
		return nil, err
	}
	return newStream(s, r.stream.runtime), nil
}
