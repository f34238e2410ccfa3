package skein

// #include "arrays.h"
import "C"

import (
	"context"
	"runtime"
)

// MaxTopLogprobs is the most that the option "logprobs" and ScoreItem.Top may be.
const MaxTopLogprobs = C.SKEIN_MAX_TOP_LOGPROBS

// Logprob is a token and the natural logarithm of its probability.
type Logprob struct {
	Token   Token
	Logprob float32
}

// ScoreItem is one text to score behind a stream, which is read and not moved.
type ScoreItem struct {
	Stream   *Stream
	Tokens   []Token
	Top      uint32 // how many of the most probable tokens to give for each place
	Priority int32  // -8 to 8
}

// Score is what the model says of an item.
type Score struct {
	// Logprobs has one number for each token. The first is NaN unless the stream has a pending token.
	Logprobs []float32
	Top      [][]Logprob // the most probable tokens in the place of each token, falling
	Scored   uint64      // tokens whose log-probability is a number
	Logprob  float64     // the sum of these
	Err      error       // how the item ended
}

// Score scores many texts in one call. It returns the first error of all items, and in any case what
// became of each.
func (m *Model) Score(ctx context.Context, items []ScoreItem) ([]Score, error) {
	flat := make([]C.skein_go_score_item, len(items))
	streams := make([]*Stream, len(items))
	var tokens []Token
	var numTop int
	for i, item := range items {
		streams[i] = item.Stream
		flat[i] = C.skein_go_score_item{
			stream: C.uint64_t(item.Stream.value()), num_tokens: C.uint64_t(len(item.Tokens)),
			num_top: C.uint32_t(item.Top), priority: C.int32_t(item.Priority),
		}
		tokens = append(tokens, item.Tokens...)
		if item.Top <= MaxTopLogprobs { // else the call fails
			numTop += len(item.Tokens) * int(item.Top)
		}
	}
	logprobs := make([]float32, len(tokens))
	top := make([]C.skein_logprob, numTop)
	return await(ctx, func() ([]Score, error) {
		defer runtime.KeepAlive(m)
		defer runtime.KeepAlive(streams)
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_go_score(m.c(), given(flat), C.uint32_t(len(flat)), tokenPointer(tokens), floatPointer(logprobs), given(top), e)
		})
		scores := make([]Score, len(flat))
		logprobs, top := logprobs, logprobsOf(top)
		for i, item := range flat {
			n, k := int(item.num_tokens), int(item.num_top)
			if k > MaxTopLogprobs {
				k = 0
			}
			scores[i] = Score{
				Logprobs: logprobs[:n:n], Top: rowsOf(top[:n*k], n, k),
				Scored: uint64(item.num_scored), Logprob: float64(item.logprob), Err: itemError(item.status),
			}
			logprobs, top = logprobs[n:], top[n*k:]
		}
		return scores, err
	}, nil)
}

func logprobsOf(from []C.skein_logprob) []Logprob {
	to := make([]Logprob, len(from))
	for i, l := range from {
		to[i] = Logprob{Token(l.token), float32(l.logprob)}
	}
	return to
}

// rowsOf cuts n rows of k elements; none if k is 0.
func rowsOf[T any](all []T, n, k int) [][]T {
	if k == 0 {
		return nil
	}
	rows := make([][]T, n)
	for i := range rows {
		rows[i] = all[i*k : (i+1)*k : (i+1)*k]
	}
	return rows
}

// Pooling says which rows of a text make its embedding.
type Pooling uint32

const (
	PoolingLast Pooling = C.SKEIN_POOLING_LAST // the row of the last token, which has read the whole text
	PoolingMean Pooling = C.SKEIN_POOLING_MEAN // the mean over the text's rows
)

// EmbedItem is one text to embed.
type EmbedItem struct {
	Stream    *Stream // the text comes behind it; nil: behind the model's initial state
	Tokens    []Token // or Text, if there are none
	Text      string
	Pooling   Pooling
	Normalise bool // to length 1
	Priority  int32
	Tenant    string // of an item without a stream
}

// Embedding is what an item gave.
type Embedding struct {
	Vector []float32 // of DModel numbers
	Read   uint64    // tokens of the text
	Err    error     // how the item ended
}

// Embed computes embeddings of many texts in one call. It returns the first error of all items, and in
// any case what became of each.
func (m *Model) Embed(ctx context.Context, items []EmbedItem) ([]Embedding, error) {
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	flat := make([]C.skein_go_embed_item, len(items))
	streams := make([]*Stream, len(items))
	var tokens []Token
	var texts, tenants []byte
	for i, item := range items {
		if _, err := cString("tenant", item.Tenant); err != nil {
			return nil, err
		}
		if len(item.Tokens) > 0 && item.Text != "" {
			return nil, invalidArgument("embed: item %d has Tokens and Text; expected one of them", i)
		}
		streams[i] = item.Stream
		flat[i] = C.skein_go_embed_item{
			stream: C.uint64_t(item.Stream.value()), num_tokens: C.uint64_t(len(item.Tokens)),
			text_bytes: C.uint64_t(len(item.Text)), pooling: C.uint32_t(item.Pooling), priority: C.int32_t(item.Priority),
		}
		if item.Normalise {
			flat[i].normalise = 1
		}
		tokens = append(tokens, item.Tokens...)
		texts = append(texts, item.Text...)
		tenants = append(append(tenants, item.Tenant...), 0)
	}
	width := int(info.DModel)
	vectors := make([]float32, len(items)*width)
	return await(ctx, func() ([]Embedding, error) {
		defer runtime.KeepAlive(m)
		defer runtime.KeepAlive(streams)
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_go_embed(m.c(), given(flat), C.uint32_t(len(flat)), tokenPointer(tokens), chars(texts), chars(tenants),
				floatPointer(vectors), C.uint64_t(width), e)
		})
		embeddings := make([]Embedding, len(flat))
		for i, vector := range rowsOf(vectors, len(flat), width) {
			embeddings[i] = Embedding{vector, uint64(flat[i].num_read), itemError(flat[i].status)}
		}
		return embeddings, err
	}, nil)
}
