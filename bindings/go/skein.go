// Package skein runs RWKV language models through the C ABI of libskein.
//
// A Runtime loads a Model. A Model makes Streams, each of them one sequence of tokens with its state.
// A Request writes text on a Stream: Stream.Generate delivers it through a channel or to an io.Writer,
// and a Queue delivers the events of many requests at once. Model.Eval, Model.Score and Model.Embed
// compute without sampling.
//
// Values that have a Close method hold a handle of the library. Close releases it at once, may be
// called any number of times, and in any order; the library keeps what is still needed. A value that is
// not closed is released some time after the garbage collector found it. A call on a closed value
// fails with InvalidHandle.
//
// All functions may be called from any goroutine. Calls that wait take a context. When it ends, they
// return its error; a request is cancelled, while a load, an eval or a save runs on to its end in the
// background, where its result is dropped.
package skein

// #cgo pkg-config: skein
// #include <skein/skein.h>
import "C"

// Version returns the version of the library that is running, as "MAJOR.MINOR.PATCH".
func Version() string { return C.GoString(C.skein_version()) }

// Must returns value and panics if err is not nil. It is for programs that have no better answer to an
// error.
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
