package skein

// #include <skein/skein.h>
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// handle is a value of the ABI that names an object. It is 0 once it is closed. Go's view of it is a
// number, because the pointer types of the ABI hold no addresses.
type handle struct{ value uint64 }

func (h *handle) get() uint64 { return atomic.LoadUint64(&h.value) }

// close ends the handle with release, once.
func (h *handle) close(release func(value uint64, e *C.skein_error) C.skein_status) error {
	value := atomic.SwapUint64(&h.value, 0)
	if value == 0 {
		return nil
	}
	return call(func(e *C.skein_error) C.skein_status { return release(value, e) })
}

// as gives a handle's number the pointer type that the ABI has for it. The number is copied as bits and
// never converted to an address that the garbage collector would look at.
func as[T any](value uint64) T { return *(*T)(unsafe.Pointer(&value)) }

// closer is a value with a handle.
type closer interface{ Close() error }

// opened gives value its finaliser, the net under a forgotten Close.
func opened[T closer](value T) T {
	runtime.SetFinalizer(value, func(forgotten T) { forgotten.Close() })
	return value
}

// valueOf gives the number of a handle.
func valueOf[T any](h T) uint64 { return *(*uint64)(unsafe.Pointer(&h)) }
