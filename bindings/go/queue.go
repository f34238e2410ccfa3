package skein

// #include "arrays.h"
import "C"

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/cgo"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Queue delivers the events of any number of requests, of all models of its runtime.
type Queue struct {
	handle  handle
	waiting chan struct{} // holds the right to wait on the descriptor

	mu       sync.Mutex
	requests map[uint64]*Request // those that have not ended; their streams have to stay
	events   []C.skein_event
	texts    []byte
	result   struct {
		count C.uint32_t
		bytes C.uint64_t
	}
	descriptor *os.File // a copy of the queue's, which Go's poller watches; nil until somebody waits
	closed     bool
	wakeup     cgo.Handle
}

const (
	pollEvents    = 64      // that are taken by one call
	pollTextBytes = 1 << 12 // that they have room for at first
)

// NewQueue makes a queue.
func (r *Runtime) NewQueue(options Options) (*Queue, error) {
	defer runtime.KeepAlive(r)
	var q C.skein_queue
	err := options.with(QueueOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_queue_create(r.c(), options, &q, e) })
	})
	if err != nil {
		return nil, err
	}
	return opened(&Queue{
		handle: handle{valueOf(q)}, waiting: make(chan struct{}, 1), requests: map[uint64]*Request{},
		events: make([]C.skein_event, pollEvents), texts: make([]byte, pollTextBytes),
	}), nil
}

// Close releases the queue, cancels its requests, and ends what waits on it. It waits for a wake-up
// function that is running.
func (q *Queue) Close() error {
	q.mu.Lock()
	descriptor, wakeup := q.descriptor, q.wakeup
	q.descriptor, q.wakeup, q.closed, q.requests = nil, 0, true, nil
	q.mu.Unlock()
	if descriptor != nil {
		descriptor.Close()
	}
	err := q.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_queue_release(as[C.skein_queue](value), e)
	})
	if wakeup != 0 {
		wakeup.Delete()
	}
	return err
}

func (q *Queue) c() C.skein_queue { return as[C.skein_queue](q.handle.get()) }

// Submit submits requests, all of them or none. The queue keeps them, and the streams under them, until
// they have ended.
func (q *Queue) Submit(requests ...*Request) error {
	defer runtime.KeepAlive(q)
	defer runtime.KeepAlive(requests)
	values := make([]uint64, len(requests))
	for i, r := range requests {
		values[i] = r.handle.get()
	}
	added := q.expect(requests, values)
	err := call(func(e *C.skein_error) C.skein_status {
		return C.skein_go_submit(q.c(), (*C.uint64_t)(unsafe.Pointer(given(values))), C.uint32_t(len(values)), e)
	})
	if err != nil {
		q.forget(added)
	}
	return err
}

// expect makes requests known before their first event can come, and returns those that were not. No lock
// is held over the submit itself, because it may call the wake-up function, which may poll.
func (q *Queue) expect(requests []*Request, values []uint64) (added []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, value := range values {
		if _, known := q.requests[value]; !known && !q.closed {
			q.requests[value] = requests[i]
			added = append(added, value)
		}
	}
	return added
}

func (q *Queue) forget(values []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, value := range values {
		delete(q.requests, value)
	}
}

// Poll takes events that are there, oldest first and without waiting, and returns their number.
func (q *Queue) Poll(events []Event) (int, error) {
	defer runtime.KeepAlive(q)
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := 0
	for taken < len(events) {
		n, err := q.take(events[taken:])
		if err != nil && taken == 0 {
			return 0, err
		}
		taken += n
		if n < pollEvents {
			break
		}
	}
	return taken, nil
}

// take makes one call of the ABI, or two where a text needs more room. It takes pollEvents at most.
func (q *Queue) take(events []Event) (int, error) {
	capacity := len(events)
	if capacity > pollEvents {
		capacity = pollEvents
	}
	for {
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_queue_poll(q.c(), unsafe.Pointer(first(q.events)), C.sizeof_skein_event, C.uint32_t(capacity),
				chars(q.texts), C.uint64_t(len(q.texts)), &q.result.count, &q.result.bytes, e)
		})
		if errors.Is(err, OutOfRange) && int(q.result.bytes) > len(q.texts) {
			q.texts = make([]byte, q.result.bytes)
			continue
		}
		if err != nil {
			return 0, err
		}
		break
	}
	for i := range events[:q.result.count] {
		from := &q.events[i]
		events[i] = eventOf(from, q.texts)
		events[i].Request = q.requests[requestOf(from)]
		if events[i].Terminal() {
			delete(q.requests, requestOf(from))
		}
	}
	return int(q.result.count), nil
}

// Read waits until at least one event is there, or ctx ends, and takes what there is.
func (q *Queue) Read(ctx context.Context, events []Event) (n int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	err = q.wait(ctx, func() (bool, error) {
		n, err = q.Poll(events)
		return n > 0, err
	})
	return n, err
}

// Events delivers all events of the queue until ctx ends or the queue is closed; then the channel is
// closed.
func (q *Queue) Events(ctx context.Context) <-chan Event {
	channel := make(chan Event)
	go func() {
		defer close(channel)
		events := make([]Event, pollEvents)
		for {
			n, err := q.Read(ctx, events)
			if err != nil {
				return
			}
			for _, event := range events[:n] {
				select {
				case channel <- event:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return channel
}

// Wait waits until an event is there. It returns ctx's error if ctx ends first, and InvalidHandle if the
// queue is closed. No thread is blocked meanwhile.
func (q *Queue) Wait(ctx context.Context) error { return q.wait(ctx, q.ready) }

// wait waits until done says so, which is asked whenever events may have come.
func (q *Queue) wait(ctx context.Context, done func() (bool, error)) error {
	defer runtime.KeepAlive(q)
	select {
	case q.waiting <- struct{}{}:
		defer func() { <-q.waiting }()
	case <-ctx.Done():
		// Events that are there count, also for a context that has ended.
		if is, err := done(); is || err != nil {
			return err
		}
		return ctx.Err()
	}
	descriptor, err := q.open()
	if err != nil {
		return err
	}
	raw, err := descriptor.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	is := false
	ask := func(uintptr) bool {
		is, failed = done()
		return is || failed != nil
	}
	if ask(0) {
		return failed
	}
	defer interruptWhen(ctx, descriptor)()
	err = raw.Read(ask)
	switch {
	case is || failed != nil:
		return failed
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // the descriptor was closed with the queue
		_, err = done()
	}
	return err
}

// interruptWhen makes a read of the descriptor end with ctx. The function that it returns undoes that.
func interruptWhen(ctx context.Context, descriptor *os.File) (undo func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			descriptor.SetReadDeadline(time.Unix(1, 0))
		case <-stop:
		}
	}()
	return func() {
		close(stop)
		<-stopped
		descriptor.SetReadDeadline(time.Time{})
	}
}

// ready asks the library without waiting.
func (q *Queue) ready() (bool, error) {
	var ready C.uint32_t
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_queue_wait(q.c(), 0, &ready, e) })
	return ready != 0, err
}

// open gives the descriptor that Go's poller watches: a copy, since the poller's file closes its own.
func (q *Queue) open() (*os.File, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.descriptor != nil {
		return q.descriptor, nil
	}
	if q.closed {
		return nil, &Error{Code: InvalidHandle, Message: "queue: it is closed"}
	}
	fd, err := q.FD()
	if err != nil {
		return nil, err
	}
	copy, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return nil, &Error{Code: ResourceExhausted, Message: "queue: cannot copy the descriptor: " + errno.Error()}
	}
	q.descriptor = os.NewFile(copy, "skein queue")
	return q.descriptor, nil
}

// FD gives a descriptor that is readable while events are there. It belongs to the queue: do not read,
// write or close it.
func (q *Queue) FD() (int, error) {
	defer runtime.KeepAlive(q)
	var fd C.int32_t
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_queue_fd(q.c(), &fd, e) })
	return int(fd), err
}

// SetWakeup has wakeup called when the queue turns from empty to not empty; nil ends that. A thread of
// the library calls it, and waits: it may poll and submit and must not block. When SetWakeup returned,
// the old function is not running, and is not called any more. Wait and Read do not need it.
func (q *Queue) SetWakeup(wakeup func()) error {
	defer runtime.KeepAlive(q)
	var next cgo.Handle
	if wakeup != nil {
		next = cgo.NewHandle(wakeup)
	}
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_go_set_wakeup(q.c(), C.uint64_t(next), e) })
	last := next
	if err == nil {
		q.mu.Lock()
		last, q.wakeup = q.wakeup, next
		q.mu.Unlock()
	}
	if last != 0 {
		last.Delete()
	}
	return err
}

//export skeinGoWakeUp
func skeinGoWakeUp(argument C.uintptr_t) { cgo.Handle(argument).Value().(func())() }
