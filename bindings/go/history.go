package skein

// #include <skein/skein.h>
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Tokens gives the stream's tokens from position begin to the last one.
func (s *Stream) Tokens(begin uint64) ([]Token, error) {
	defer runtime.KeepAlive(s)
	return sized(0, func(b *Token, n C.uint64_t, count *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_stream_tokens(s.c(), C.uint64_t(begin), (*C.skein_token)(b), n, count, e)
	})
}

// Truncate takes the stream back to position, and returns the number of tokens that were read again.
func (s *Stream) Truncate(ctx context.Context, position uint64) (replayed uint64, err error) {
	return await(ctx, func() (uint64, error) {
		defer runtime.KeepAlive(s)
		var replayed C.uint64_t
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_stream_truncate(s.c(), C.uint64_t(position), &replayed, e)
		})
		return uint64(replayed), err
	}, nil)
}

// ForkAt makes a stream that continues from position, and returns the number of tokens that were read
// again. The stream itself stays where it is.
func (s *Stream) ForkAt(ctx context.Context, position uint64) (fork *Stream, replayed uint64, err error) {
	type result struct {
		fork     *Stream
		replayed uint64
	}
	r, err := await(ctx, func() (result, error) {
		defer runtime.KeepAlive(s)
		var copy C.skein_stream
		var replayed C.uint64_t
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_stream_fork_at(s.c(), C.uint64_t(position), &copy, &replayed, e)
		})
		if err != nil {
			return result{}, err
		}
		return result{newStream(copy, s.runtime), uint64(replayed)}, nil
	}, func(r result) { r.fork.Close() })
	return r.fork, r.replayed, err
}

// SetCheckpoint names the last position of the stream, and keeps its state.
func (s *Stream) SetCheckpoint(name string) error {
	defer runtime.KeepAlive(s)
	n, err := cString("checkpoint", name)
	if err != nil {
		return err
	}
	return call(func(e *C.skein_error) C.skein_status { return C.skein_stream_set_checkpoint(s.c(), n, e) })
}

// FindCheckpoint gives the position with a name.
func (s *Stream) FindCheckpoint(name string) (uint64, error) {
	defer runtime.KeepAlive(s)
	n, err := cString("checkpoint", name)
	if err != nil {
		return 0, err
	}
	var position C.uint64_t
	err = call(func(e *C.skein_error) C.skein_status {
		return C.skein_stream_find_checkpoint(s.c(), n, &position, e)
	})
	return uint64(position), err
}

// Checkpoint is a place to go back to.
type Checkpoint struct {
	Position   uint64
	StateBytes uint64 // 0: its state is not kept, and the place is reached from one before it
	Name       string
}

// Checkpoints lists the places with names and those whose states are kept, by position.
func (s *Stream) Checkpoints() ([]Checkpoint, error) {
	defer runtime.KeepAlive(s)
	places, err := sized(0, func(b *C.skein_checkpoint, n C.uint64_t, count *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_stream_checkpoints(s.c(), unsafe.Pointer(b), C.sizeof_skein_checkpoint, n, count, e)
	})
	if err != nil {
		return nil, err
	}
	checkpoints := make([]Checkpoint, len(places))
	for i, place := range places {
		checkpoints[i] = Checkpoint{uint64(place.position), uint64(place.state_bytes), textOf(place.name[:])}
	}
	return checkpoints, nil
}
