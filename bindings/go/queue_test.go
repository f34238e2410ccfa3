package skein_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skein.dev/skein"
)

func newQueue(t testing.TB, r *skein.Runtime) *skein.Queue {
	t.Helper()
	q, err := r.NewQueue(nil)
	must(t, q, err)
	t.Cleanup(func() { q.Close() })
	return q
}

func newRequest(t testing.TB, s *skein.Stream, prompt string, options skein.Options) *skein.Request {
	t.Helper()
	r, err := s.NewRequest()
	must(t, r, err)
	if err := r.SetPrompt(prompt); err != nil {
		t.Fatal(err)
	}
	if err := r.SetOptions(options); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAQueueDeliversManyRequests(t *testing.T) {
	r, m := load(t, nil)
	q := newQueue(t, r)
	var requests []*skein.Request
	for i := 0; i < 16; i++ {
		requests = append(requests, newRequest(t, newStream(t, m), "And", skein.Options{"max_tokens": 10, "seed": i, "stop_at_end": 0}))
	}
	if err := q.Submit(requests...); err != nil {
		t.Fatal(err)
	}
	expect(t, q.Submit(requests[0]), skein.FailedPrecondition)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	numTokens, ended := map[*skein.Request]int{}, 0
	for event := range q.Events(ctx) {
		if event.Kind == skein.TokenEvent {
			numTokens[event.Request]++
		}
		if event.Terminal() {
			if ended++; ended == len(requests) {
				cancel()
			}
		}
	}
	for _, request := range requests {
		if numTokens[request] != 10 {
			t.Errorf("%d tokens", numTokens[request])
		}
	}
}

func TestWaitEndsWithItsContextAndWithTheQueue(t *testing.T) {
	r, _ := load(t, nil)
	q := newQueue(t, r)
	ctx, cancel := context.WithTimeout(background, time.Millisecond)
	defer cancel()
	if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// Another wait on the same queue is not hurt by the first one's end, and several may wait.
	ended := make(chan error, 2)
	for i := 0; i < 2; i++ {
		go func() { ended <- q.Wait(background) }()
	}
	q.Close()
	expect(t, <-ended, skein.InvalidHandle)
	expect(t, <-ended, skein.InvalidHandle)
}

func TestAllWhoWaitSeeTheEvents(t *testing.T) {
	r, m := load(t, nil)
	q := newQueue(t, r)
	ended := make(chan error, 3)
	for i := 0; i < 3; i++ {
		go func() { ended <- q.Wait(background) }()
	}
	if err := q.Submit(newRequest(t, newStream(t, m), "And", skein.Options{"max_tokens": 1})); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestPollTakesTextsOfAnyLength(t *testing.T) {
	r, m := load(t, nil)
	q := newQueue(t, r)
	// A stop that does not come keeps the whole text back until the end.
	const letter, numTokens = 'A', 6000
	request := newRequest(t, newStream(t, m), "A", skein.Options{"max_tokens": numTokens})
	if err := request.SetLogitBias(letter, 1e6); err != nil { // the model's tokens are bytes
		t.Fatal(err)
	}
	if err := request.AddStop(strings.Repeat(string(letter), numTokens) + "."); err != nil {
		t.Fatal(err)
	}
	if err := q.Submit(request); err != nil {
		t.Fatal(err)
	}
	events, text := make([]skein.Event, 3), ""
	for {
		n, err := q.Read(background, events)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events[:n] {
			text += event.Text
		}
		if events[n-1].Terminal() {
			break
		}
	}
	if text != strings.Repeat(string(letter), numTokens) {
		t.Errorf("%d bytes", len(text))
	}
}

func TestAWindowHoldsARequestUntilItsReaderSaysSo(t *testing.T) {
	r, m := load(t, nil)
	q := newQueue(t, r)
	options := skein.Options{"window": 2, "max_tokens": 4, "temperature": 0, "stop_at_end": 0}
	request := newRequest(t, newStream(t, m), "And", options)
	expect(t, request.Acknowledge(1), skein.FailedPrecondition)
	if err := q.Submit(request); err != nil {
		t.Fatal(err)
	}
	events, numTokens := make([]skein.Event, 1), 0
	for !events[0].Terminal() {
		if _, err := q.Read(background, events); err != nil {
			t.Fatal(err)
		}
		if events[0].Kind == skein.TokenEvent {
			numTokens++
			if err := request.Acknowledge(1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if numTokens != 4 {
		t.Errorf("%d tokens", numTokens)
	}
}

func TestTheWakeUpFunctionMayPollAndSubmit(t *testing.T) {
	r, m := load(t, nil)
	q := newQueue(t, r)
	second := newRequest(t, newStream(t, m), "But", skein.Options{"max_tokens": 2})
	var once sync.Once
	var ended int32
	done := make(chan struct{})
	err := q.SetWakeup(func() {
		once.Do(func() {
			if err := q.Submit(second); err != nil {
				t.Error(err)
			}
		})
		events := make([]skein.Event, 8)
		for n, _ := q.Poll(events); n > 0; n, _ = q.Poll(events) {
			for _, event := range events[:n] {
				if event.Terminal() && atomic.AddInt32(&ended, 1) == 2 {
					close(done)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Submit(newRequest(t, newStream(t, m), "And", skein.Options{"max_tokens": 3})); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := q.SetWakeup(nil); err != nil {
		t.Error(err)
	}
}

func TestFDIsTheQueues(t *testing.T) {
	r, _ := load(t, nil)
	q := newQueue(t, r)
	fd, err := q.FD()
	if must(t, fd, err) < 0 {
		t.Error(fd)
	}
}
