package skein

// #include <skein/skein.h>
import "C"

import (
	"bytes"
	"strings"
	"unsafe"
)

// cString gives text with a NUL behind it, in memory of Go: for arguments of one call. The ABI would
// end a text with a NUL in it early.
func cString(what, text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, invalidArgument("%s: %q has a NUL; expected text without", what, text)
	}
	terminated := make([]byte, len(text)+1)
	copy(terminated, text)
	return (*C.char)(unsafe.Pointer(&terminated[0])), nil
}

// textOf gives the text in a field of a struct of the ABI.
func textOf(field []C.char) string {
	if len(field) == 0 {
		return ""
	}
	all := unsafe.Slice((*byte)(unsafe.Pointer(&field[0])), len(field))
	if end := bytes.IndexByte(all, 0); end >= 0 {
		all = all[:end]
	}
	return string(all)
}

// first gives the address of the first element, or nil if there is none.
func first[T any](elements []T) *T {
	if len(elements) == 0 {
		return nil
	}
	return &elements[0]
}

// given is first for what the caller gives. An empty array is not NULL: the ABI has another answer to that.
func given[T any](elements []T) *T {
	if len(elements) == 0 {
		return new(T)
	}
	return &elements[0]
}

func chars(text []byte) *C.char             { return (*C.char)(unsafe.Pointer(given(text))) }
func tokenPointer(t []Token) *C.skein_token { return (*C.skein_token)(unsafe.Pointer(given(t))) }
func floatPointer(f []float32) *C.float     { return (*C.float)(unsafe.Pointer(given(f))) }

// A fill writes up to capacity elements to buffer and their number, or the number needed, to size.
type fill[T any] func(buffer *T, capacity C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status

// sized calls f with a buffer of the expected capacity, and again with larger ones until all fits. With
// an expected capacity of 0, f is asked for the size first.
func sized[T any](expected int, f fill[T]) ([]T, error) {
	capacity, size := expected, C.uint64_t(0)
	for {
		buffer := make([]T, capacity)
		var status C.skein_status
		err := call(func(e *C.skein_error) C.skein_status {
			status = f(first(buffer), C.uint64_t(capacity), &size, e)
			return status
		})
		if capacity == 0 && err == nil && size > 0 {
			capacity = int(size)
			continue
		}
		if status == C.SKEIN_OUT_OF_RANGE && int(size) > capacity {
			capacity = int(size)
			continue
		}
		if err != nil {
			return nil, err
		}
		return buffer[:size], nil
	}
}
