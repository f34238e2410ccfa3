package skein

// #include <skein/skein.h>
import "C"

import (
	"fmt"
	"sync"
	"time"
)

// Code says what kind of failure an Error is. It is an error itself, so that errors.Is(err, NotFound)
// works for every error of this package.
type Code int32

// The codes of gRPC, and InvalidHandle for a value that is closed.
const (
	OK                 Code = C.SKEIN_OK
	Cancelled          Code = C.SKEIN_CANCELLED
	Unknown            Code = C.SKEIN_UNKNOWN
	InvalidArgument    Code = C.SKEIN_INVALID_ARGUMENT
	DeadlineExceeded   Code = C.SKEIN_DEADLINE_EXCEEDED
	NotFound           Code = C.SKEIN_NOT_FOUND
	AlreadyExists      Code = C.SKEIN_ALREADY_EXISTS
	PermissionDenied   Code = C.SKEIN_PERMISSION_DENIED
	ResourceExhausted  Code = C.SKEIN_RESOURCE_EXHAUSTED
	FailedPrecondition Code = C.SKEIN_FAILED_PRECONDITION
	Aborted            Code = C.SKEIN_ABORTED
	OutOfRange         Code = C.SKEIN_OUT_OF_RANGE
	Unimplemented      Code = C.SKEIN_UNIMPLEMENTED
	Internal           Code = C.SKEIN_INTERNAL
	Unavailable        Code = C.SKEIN_UNAVAILABLE
	DataLoss           Code = C.SKEIN_DATA_LOSS
	Unauthenticated    Code = C.SKEIN_UNAUTHENTICATED
	InvalidHandle      Code = C.SKEIN_INVALID_HANDLE
)

// String returns the name of the code, such as "INVALID_ARGUMENT".
func (c Code) String() string { return C.GoString(C.skein_status_name(C.skein_status(c))) }

// Error returns the name of the code.
func (c Code) Error() string { return c.String() }

// Error is the failure of a call.
type Error struct {
	Code    Code
	Message string // what was expected, what was found and where
	// RetryAfter is, with ResourceExhausted, when trying again makes sense; 0 where that is not known.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return fmt.Sprintf("skein: %s: %s", e.Code, e.Message) }

// Is makes errors.Is(err, code) true for the error's own code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

func invalidArgument(format string, values ...any) error {
	return &Error{Code: InvalidArgument, Message: fmt.Sprintf(format, values...)}
}

// An error of the ABI has a kilobyte, and memory whose address goes to C lies on the heap.
var errorPool = sync.Pool{New: func() any { return new(C.skein_error) }}

// call runs one call of the ABI and makes an error of its failure.
func call(f func(e *C.skein_error) C.skein_status) error {
	e := errorPool.Get().(*C.skein_error)
	defer errorPool.Put(e)
	return failure(f(e), e)
}

// failure is nil if status is OK, and else an error with what e says.
func failure(status C.skein_status, e *C.skein_error) error {
	if status == C.SKEIN_OK {
		return nil
	}
	return &Error{
		Code:       Code(status),
		Message:    C.GoStringN(&e.message[0], C.int(e.message_bytes)),
		RetryAfter: time.Duration(e.retry_after_ms) * time.Millisecond,
	}
}

// itemError is the error of one item of a call with many, for which the ABI has a code alone.
func itemError(status C.int32_t) error {
	if status == C.SKEIN_OK {
		return nil
	}
	return Code(status)
}
