package skein

// #include "arrays.h"
import "C"

import (
	"context"
	"runtime"
)

// Output is what an eval writes.
type Output uint32

const (
	OutputNone       Output = C.SKEIN_OUTPUT_NONE        // advance the state only
	OutputLastLogits Output = C.SKEIN_OUTPUT_LAST_LOGITS // one row of VocabSize, after the last token
	OutputAllLogits  Output = C.SKEIN_OUTPUT_ALL_LOGITS  // such a row after every token
	OutputLastHidden Output = C.SKEIN_OUTPUT_LAST_HIDDEN // one row of DModel, after the last norm
	OutputAllHidden  Output = C.SKEIN_OUTPUT_ALL_HIDDEN  // such a row for every token
)

// EvalItem is one stream's part of an eval.
type EvalItem struct {
	Stream *Stream
	Tokens []Token
	Output Output
}

// Evaluation is what an eval gave for an item.
type Evaluation struct {
	Rows [][]float32
	Err  error // how the item ended; a stream whose item failed is where it was
}

// shape gives the number of rows that an item writes, and their width.
func (i EvalItem) shape(info ModelInfo) (rows, width int) {
	switch i.Output {
	case OutputLastLogits:
		return 1, int(info.VocabSize)
	case OutputAllLogits:
		return len(i.Tokens), int(info.VocabSize)
	case OutputLastHidden:
		return 1, int(info.DModel)
	case OutputAllHidden:
		return len(i.Tokens), int(info.DModel)
	}
	return 0, 0
}

// Eval feeds tokens to streams of the model, each stream at most once, as one batch. It returns the first
// error of all items, and in any case what became of each.
func (m *Model) Eval(ctx context.Context, items []EvalItem) ([]Evaluation, error) {
	info, err := m.Info()
	if err != nil {
		return nil, err
	}
	flat := make([]C.skein_go_eval_item, len(items))
	streams := make([]*Stream, len(items))
	results := make([]Evaluation, len(items))
	var tokens []Token
	var numOutputs int
	for i, item := range items {
		rows, width := item.shape(info)
		streams[i] = item.Stream
		flat[i] = C.skein_go_eval_item{
			stream: C.uint64_t(item.Stream.value()), num_tokens: C.uint64_t(len(item.Tokens)),
			num_outputs: C.uint64_t(rows * width), output_kind: C.uint32_t(item.Output),
		}
		tokens = append(tokens, item.Tokens...)
		numOutputs += rows * width
	}
	outputs := make([]float32, numOutputs)
	for i, rest := 0, outputs; i < len(items); i++ {
		rows, width := items[i].shape(info)
		for ; rows > 0; rows-- {
			results[i].Rows = append(results[i].Rows, rest[:width:width])
			rest = rest[width:]
		}
	}
	return await(ctx, func() ([]Evaluation, error) {
		defer runtime.KeepAlive(m)
		defer runtime.KeepAlive(streams)
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_go_eval(m.c(), given(flat), C.uint32_t(len(flat)), tokenPointer(tokens), floatPointer(outputs), e)
		})
		for i := range results {
			results[i].Err = itemError(flat[i].status)
		}
		return results, err
	}, nil)
}
