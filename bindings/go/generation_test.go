package skein_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"skein.dev/skein"
)

// endless writes until it is stopped.
var endless = skein.Options{"max_tokens": 1 << 30, "stop_at_end": false, "temperature": 0}

func TestChannelWriterAndTextGiveTheSame(t *testing.T) {
	_, m := load(t, skein.Options{"deterministic": true})
	options := skein.Options{"max_tokens": 20, "seed": 7}
	want, err := newStream(t, m).Complete(background, "And it came", options)
	must(t, want, err)

	g, err := newStream(t, m).Generate(background, "And it came", options)
	var pieces strings.Builder
	for event := range must(t, g, err).Events() {
		pieces.WriteString(event.Text)
	}
	last, err := g.Wait()
	if must(t, last, err); last.Kind != skein.DoneEvent || last.NumTokens != 20 || pieces.String() != want {
		t.Errorf("%q, then %+v; expected %q", pieces.String(), last, want)
	}
	var written strings.Builder
	g, err = newStream(t, m).Generate(background, "And it came", options)
	n, err2 := must(t, g, err).WriteTo(&written)
	if must(t, n, err2); written.String() != want || int(n) != len(want) {
		t.Errorf("%q in %d bytes", written.String(), n)
	}
}

func TestAWindowIsAcknowledgedByReading(t *testing.T) {
	_, m := load(t, skein.Options{"deterministic": true})
	want, err := newStream(t, m).Complete(background, "And", skein.Options{"max_tokens": 40, "seed": 7})
	must(t, want, err)
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	got, err := newStream(t, m).Complete(ctx, "And", skein.Options{"max_tokens": 40, "seed": 7, "window": 2})
	if must(t, got, err); got != want {
		t.Errorf("%q; expected %q", got, want)
	}
}

func TestAWindowHoldsAGenerationUntilItIsRead(t *testing.T) {
	_, m := load(t, nil)
	s := newStream(t, m)
	g, err := s.Generate(background, "And", skein.Options{"max_tokens": 40, "stop_at_end": 0, "window": 2})
	must(t, g, err)
	<-g.Events()
	// Steps that the generation would be in, if it might run on.
	other, err := newStream(t, m).Complete(background, "And", skein.Options{"max_tokens": 60, "stop_at_end": 0})
	must(t, other, err)
	position, err := s.Position()
	if must(t, position, err); position > 3+1+2+1 { // the prompt, what was read, the window, and one to be received
		t.Errorf("position %d", position)
	}
	g.Cancel()
	g.Wait()
}

func TestClosingARequestEndsAGenerationThatItsWindowHolds(t *testing.T) {
	_, m := load(t, nil)
	request := newRequest(t, newStream(t, m), "And", skein.Options{"max_tokens": 40, "stop_at_end": 0, "window": 1})
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	g, err := request.Start(ctx)
	must(t, g, err)
	if err := request.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = g.Wait()
	expect(t, err, skein.InvalidHandle)
}

func TestTheEndOfAContextCancelsARequest(t *testing.T) {
	_, m := load(t, nil)
	s := newStream(t, m)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	g, err := s.Generate(ctx, "And", endless)
	must(t, g, err)
	seen := 0
	for range g.Events() {
		if seen++; seen == 3 {
			cancel()
		}
	}
	last, err := g.Wait()
	if !errors.Is(err, context.Canceled) || last.Kind != skein.CancelledEvent {
		t.Errorf("%v, %+v", err, last)
	}
	// The stream is free, at its last token.
	if _, err := s.Complete(background, "", skein.Options{"max_tokens": 1}); err != nil {
		t.Error(err)
	}
}

// dueContext is a context whose deadline passes when the test says so, however busy the machine is.
type dueContext struct {
	context.Context
	passed chan struct{}
}

func (c dueContext) Done() <-chan struct{} { return c.passed }

func (c dueContext) Err() error {
	select {
	case <-c.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestAGenerationThatNobodyReadsEndsWithItsContext(t *testing.T) {
	_, m := load(t, nil)
	ctx := dueContext{background, make(chan struct{})}
	g, err := newStream(t, m).Generate(ctx, "And", endless)
	must(t, g, err)
	close(ctx.passed)
	if _, err := g.Wait(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCancelEndsAGenerationWithItsOwnCode(t *testing.T) {
	_, m := load(t, nil)
	g, err := newStream(t, m).Generate(background, "And", endless)
	must(t, g, err).Cancel()
	_, err = g.Wait()
	expect(t, err, skein.Cancelled)
}

func TestClosingTheStreamEndsItsGeneration(t *testing.T) {
	_, m := load(t, nil)
	s := newStream(t, m)
	g, err := s.Generate(background, "And", endless)
	<-must(t, g, err).Events()
	s.Close()
	_, err = g.Wait()
	expect(t, err, skein.Cancelled)
}

type brokenWriter struct{ after int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestAWriterThatFailsCancelsTheRequest(t *testing.T) {
	_, m := load(t, nil)
	g, err := newStream(t, m).Generate(background, "And", endless)
	_, err = must(t, g, err).WriteTo(&brokenWriter{after: 2})
	if err != io.ErrClosedPipe {
		t.Error(err)
	}
	if load, err := m.Load(); err != nil || load.NumRunning != 0 {
		t.Errorf("%+v, %v", load, err)
	}
}

func TestStopsSamplesAndLogprobs(t *testing.T) {
	_, m := load(t, nil)
	r, err := newStream(t, m).NewRequest()
	must(t, r, err)
	for _, err := range []error{
		r.SetPrompt("Let there be"), r.SetOptions(skein.Options{"n": 3, "max_tokens": 4, "seed": 1, "logprobs": 2}),
		r.AddStop("\n\n"), r.AddStopToken(0), r.SetLogitBias(66, -1), r.SetUserData(7),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := r.Start(background)
	last, err2 := must(t, g, err).Wait()
	if must(t, last, err2); last.UserData != 7 || last.Request != r {
		t.Errorf("%+v", last)
	}
	rows, err := r.Logprobs(1, 0, 1)
	if must(t, rows, err); len(rows) != 1 || len(rows[0]) != 3 {
		t.Errorf("%v", rows)
	}
	sample, err := r.TakeSample(1)
	must(t, sample, err).Close()
	_, err = r.TakeSample(1)
	expect(t, err, skein.FailedPrecondition)
}

func TestEightGenerationsAtATime(t *testing.T) {
	_, m := load(t, skein.Options{"deterministic": true})
	options := skein.Options{"max_tokens": 16, "seed": 3}
	want, err := newStream(t, m).Complete(background, "And", options)
	must(t, want, err)
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		s := newStream(t, m)
		all.Add(1)
		go func() {
			defer all.Done()
			if got, err := s.Complete(background, "And", options); err != nil || got != want {
				t.Errorf("%q, %v; expected %q", got, err, want)
			}
		}()
	}
	all.Wait()
}
