package skein

// #include <skein/skein.h>
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Prefix is a text that many streams begin with, read once. It never changes.
type Prefix struct {
	handle  handle
	runtime *Runtime
}

// NewPrefix keeps the last committed place of the stream, which goes on undisturbed. Both texts may be
// empty; provenance says where the prefix comes from.
func (s *Stream) NewPrefix(name, provenance string) (*Prefix, error) {
	defer runtime.KeepAlive(s)
	n, err := cString("name", name)
	if err != nil {
		return nil, err
	}
	from, err := cString("provenance", provenance)
	if err != nil {
		return nil, err
	}
	var p C.skein_prefix
	err = call(func(e *C.skein_error) C.skein_status { return C.skein_prefix_create(s.c(), n, from, &p, e) })
	if err != nil {
		return nil, err
	}
	return opened(&Prefix{handle{valueOf(p)}, s.runtime}), nil
}

// LoadPrefix reads a file of Prefix.Save or Stream.Save.
func (m *Model) LoadPrefix(ctx context.Context, path string) (*Prefix, error) {
	return await(ctx, func() (*Prefix, error) {
		defer runtime.KeepAlive(m)
		file, err := cString("path", path)
		if err != nil {
			return nil, err
		}
		var p C.skein_prefix
		err = call(func(e *C.skein_error) C.skein_status { return C.skein_prefix_load(m.c(), file, &p, e) })
		if err != nil {
			return nil, err
		}
		return opened(&Prefix{handle{valueOf(p)}, m.runtime}), nil
	}, func(p *Prefix) { p.Close() })
}

// Close releases the prefix. Streams that started from it go on.
func (p *Prefix) Close() error {
	return p.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_prefix_release(as[C.skein_prefix](value), e)
	})
}

func (p *Prefix) c() C.skein_prefix { return as[C.skein_prefix](p.handle.get()) }

// NewStream makes a stream at the place of the prefix. It copies no state.
func (p *Prefix) NewStream(options Options) (*Stream, error) {
	defer runtime.KeepAlive(p)
	var s C.skein_stream
	err := options.with(StreamOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_prefix_start(p.c(), options, &s, e) })
	})
	if err != nil {
		return nil, err
	}
	return newStream(s, p.runtime), nil
}

// PrefixInfo says what a prefix is.
type PrefixInfo struct {
	Name        string
	Position    uint64 // tokens in its state
	StateBytes  uint64
	FileBytes   uint64 // of the file that Save writes
	Fingerprint string // of the source weights: 32 hex digits
}

// Info may wait until the fingerprint of the model is known.
func (p *Prefix) Info(ctx context.Context) (PrefixInfo, error) {
	return await(ctx, func() (PrefixInfo, error) {
		defer runtime.KeepAlive(p)
		i := C.skein_prefix_info{struct_size: C.sizeof_skein_prefix_info}
		err := call(func(e *C.skein_error) C.skein_status { return C.skein_prefix_get_info(p.c(), &i, e) })
		if err != nil {
			return PrefixInfo{}, err
		}
		return PrefixInfo{
			Name: textOf(i.name[:]), Position: uint64(i.position), StateBytes: uint64(i.state_bytes),
			FileBytes: uint64(i.file_bytes), Fingerprint: textOf(i.fingerprint[:]),
		}, nil
	}, nil)
}

// Provenance is the text that says where the prefix comes from.
func (p *Prefix) Provenance() (string, error) {
	defer runtime.KeepAlive(p)
	text, err := sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_prefix_provenance(p.c(), (*C.char)(unsafe.Pointer(b)), n, size, e)
	})
	return string(text), err
}

// Save writes the prefix to a file, which appears whole or not at all.
func (p *Prefix) Save(ctx context.Context, path string, flags SaveFlags) error {
	return awaitNothing(ctx, func() error {
		defer runtime.KeepAlive(p)
		file, err := cString("path", path)
		if err != nil {
			return err
		}
		return call(func(e *C.skein_error) C.skein_status {
			return C.skein_prefix_save(p.c(), file, C.uint32_t(flags), e)
		})
	})
}

// DescribeSnapshot describes a file of Stream.Save or Prefix.Save, without a model.
func DescribeSnapshot(path string, options Options) (text string, err error) {
	file, err := cString("path", path)
	if err != nil {
		return "", err
	}
	err = options.with(DescribeOptions, func(options C.skein_options) error {
		b, err := sized(descriptionBytes, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
			return C.skein_snapshot_describe(file, options, (*C.char)(unsafe.Pointer(b)), n, size, e)
		})
		text = string(b)
		return err
	})
	return text, err
}
