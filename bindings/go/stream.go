package skein

// #include <skein/skein.h>
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Stream is one sequence of tokens and the state behind it. It has one writer at a time: while a request
// or an eval runs on it, a second one is FailedPrecondition. Fork, Snapshot, State and Position see the
// last committed token at any time.
type Stream struct {
	handle  handle
	runtime *Runtime // where Generate makes its queues
}

func newStream(s C.skein_stream, r *Runtime) *Stream { return opened(&Stream{handle{valueOf(s)}, r}) }

// NewStream makes a stream in the initial state of the model.
func (m *Model) NewStream(options Options) (*Stream, error) {
	defer runtime.KeepAlive(m)
	var s C.skein_stream
	err := options.with(StreamOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_stream_create(m.c(), options, &s, e) })
	})
	if err != nil {
		return nil, err
	}
	return newStream(s, m.runtime), nil
}

// Close releases the stream. A request that runs on it is cancelled.
func (s *Stream) Close() error {
	return s.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_stream_release(as[C.skein_stream](value), e)
	})
}

func (s *Stream) c() C.skein_stream { return as[C.skein_stream](s.handle.get()) }

// value gives the number of a stream that may be nil.
func (s *Stream) value() uint64 {
	if s == nil {
		return 0
	}
	return s.handle.get()
}

// Reset puts the stream back into its initial state.
func (s *Stream) Reset() error {
	defer runtime.KeepAlive(s)
	return call(func(e *C.skein_error) C.skein_status { return C.skein_stream_reset(s.c(), e) })
}

// Fork makes a stream that continues from the last committed token. It copies no state.
func (s *Stream) Fork() (*Stream, error) {
	defer runtime.KeepAlive(s)
	var copy C.skein_stream
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_stream_fork(s.c(), &copy, e) })
	if err != nil {
		return nil, err
	}
	return newStream(copy, s.runtime), nil
}

// Position is the number of tokens committed since the initial state.
func (s *Stream) Position() (uint64, error) {
	defer runtime.KeepAlive(s)
	var position C.uint64_t
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_stream_position(s.c(), &position, e) })
	return uint64(position), err
}

// Snapshot gives the stream as bytes, which restore in another process, on another device or in another
// weight type of the same model.
func (s *Stream) Snapshot(ctx context.Context) ([]byte, error) {
	return await(ctx, func() ([]byte, error) {
		defer runtime.KeepAlive(s)
		return sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
			return C.skein_stream_snapshot(s.c(), unsafe.Pointer(b), n, size, e)
		})
	}, nil)
}

// SnapshotWithPast gives a snapshot with tokens and checkpoints, so that Truncate works where it is restored.
func (s *Stream) SnapshotWithPast(ctx context.Context) ([]byte, error) {
	return await(ctx, func() ([]byte, error) {
		defer runtime.KeepAlive(s)
		return sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
			return C.skein_stream_snapshot_with(s.c(), C.SKEIN_SAVE_PAST, unsafe.Pointer(b), n, size, e)
		})
	}, nil)
}

// Restore replaces the stream's state by a snapshot. On failure the stream is what it was.
func (s *Stream) Restore(ctx context.Context, snapshot []byte) error {
	return awaitNothing(ctx, func() error {
		defer runtime.KeepAlive(s)
		return call(func(e *C.skein_error) C.skein_status {
			return C.skein_stream_restore(s.c(), unsafe.Pointer(given(snapshot)), C.uint64_t(len(snapshot)), e)
		})
	})
}

// SaveFlags are options of Save; they add up.
type SaveFlags uint32

const (
	SaveReplace SaveFlags = C.SKEIN_SAVE_REPLACE // a file that exists is replaced
	SavePast    SaveFlags = C.SKEIN_SAVE_PAST    // tokens and checkpoints go along, so that Truncate works
)

// Save writes a snapshot to a file, which appears whole or not at all.
func (s *Stream) Save(ctx context.Context, path string, flags SaveFlags) error {
	return awaitNothing(ctx, func() error {
		defer runtime.KeepAlive(s)
		p, err := cString("path", path)
		if err != nil {
			return err
		}
		return call(func(e *C.skein_error) C.skein_status {
			return C.skein_stream_save(s.c(), p, C.uint32_t(flags), e)
		})
	})
}

// Load restores the stream from a file of Stream.Save or Prefix.Save.
func (s *Stream) Load(ctx context.Context, path string) error {
	return awaitNothing(ctx, func() error {
		defer runtime.KeepAlive(s)
		p, err := cString("path", path)
		if err != nil {
			return err
		}
		return call(func(e *C.skein_error) C.skein_status { return C.skein_stream_load(s.c(), p, e) })
	})
}

// State gives the canonical state; stream.h of the ABI has its layout.
func (s *Stream) State(ctx context.Context) ([]float32, error) {
	return await(ctx, func() ([]float32, error) {
		defer runtime.KeepAlive(s)
		return sized(0, func(b *float32, n C.uint64_t, count *C.uint64_t, e *C.skein_error) C.skein_status {
			return C.skein_stream_state(s.c(), (*C.float)(b), n, count, e)
		})
	}, nil)
}
