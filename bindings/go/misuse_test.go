package skein_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"skein.dev/skein"
)

// TestMain lets a test run this program again, as one that ends with its streams alive.
func TestMain(m *testing.M) {
	if os.Getenv("SKEIN_TEST_EXIT") != "" {
		exitWithLiveStreams()
	}
	os.Exit(m.Run())
}

func TestACallOnAClosedValueIsAnError(t *testing.T) {
	r, m := load(t, nil)
	s := newStream(t, m)
	q := newQueue(t, r)
	request := newRequest(t, s, "And", nil)
	prefix, err := s.NewPrefix("", "")
	must(t, prefix, err)
	tokenizer, err := m.Tokenizer()
	must(t, tokenizer, err)
	all := []interface{ Close() error }{tokenizer, prefix, request, q, s, m, r}
	for round := 0; round < 2; round++ { // the second time is fine
		for _, value := range all {
			if err := value.Close(); err != nil {
				t.Errorf("%T: %v", value, err)
			}
		}
	}
	for name, call := range map[string]func() error{
		"encode":   func() error { _, err := tokenizer.Encode("a"); return err },
		"position": func() error { _, err := s.Position(); return err },
		"generate": func() error { _, err := s.Generate(background, "", nil); return err },
		"snapshot": func() error { _, err := s.Snapshot(background); return err },
		"prompt":   func() error { return request.SetPrompt("a") },
		"start":    func() error { _, err := request.Start(background); return err },
		"cancel":   func() error { return request.Cancel() },
		"submit":   func() error { return q.Submit(request) },
		"poll":     func() error { _, err := q.Poll(make([]skein.Event, 1)); return err },
		"wait":     func() error { return q.Wait(background) },
		"fd":       func() error { _, err := q.FD(); return err },
		"wakeup":   func() error { return q.SetWakeup(func() {}) },
		"start of": func() error { _, err := prefix.NewStream(nil); return err },
		"info":     func() error { _, err := m.Info(); return err },
		"eval":     func() error { _, err := m.Eval(background, nil); return err },
		"metrics":  func() error { _, err := r.Metrics(); return err },
		"load":     func() error { _, err := r.LoadModel(background, modelPath(), nil); return err },
	} {
		if err := call(); !errors.Is(err, skein.InvalidHandle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAContextThatHasEndedStopsACallThatWaits(t *testing.T) {
	r, m := load(t, nil)
	ctx, cancel := context.WithCancel(background)
	cancel()
	s := newStream(t, m)
	for name, call := range map[string]func() error{
		"load": func() error { _, err := r.LoadModel(ctx, modelPath(), nil); return err },
		"eval": func() error {
			_, err := m.Eval(ctx, []skein.EvalItem{{Stream: s, Tokens: []skein.Token{65}}})
			return err
		},
		"snapshot": func() error { _, err := s.Snapshot(ctx); return err },
		"save":     func() error { return s.Save(ctx, filepath.Join(t.TempDir(), "s"), 0) },
		"generate": func() error { _, err := s.Generate(ctx, "And", endless); return err },
		"start":    func() error { _, err := newRequest(t, s, "And", endless).Start(ctx); return err },
		"complete": func() error { _, err := s.Complete(ctx, "And", endless); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Reset(); err != nil { // nothing was submitted
		t.Error(err)
	}
}

func TestALoadThatNobodyWaitsForIsDropped(t *testing.T) {
	r, m := load(t, nil)
	for i := 0; i < 20; i++ {
		ctx, cancel := context.WithTimeout(background, time.Duration(i)*100*time.Microsecond)
		if other, err := r.LoadModel(ctx, modelPath(), skein.Options{"calibrate": 0}); err == nil {
			other.Close()
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
	if _, err := newStream(t, m).Complete(background, "And", skein.Options{"max_tokens": 1}); err != nil {
		t.Error(err)
	}
}

func TestCallsAndCloseAtTheSameTime(t *testing.T) {
	r, m := load(t, nil)
	for i := 0; i < 50; i++ {
		s, q := newStream(t, m), newQueue(t, r)
		var all sync.WaitGroup
		for _, f := range []func(){
			func() { s.Position() }, func() { s.Close() }, func() { s.Complete(background, "a", skein.Options{"max_tokens": 2}) },
			func() { q.Wait(background) }, func() { q.Poll(make([]skein.Event, 1)) }, func() { q.Close() },
		} {
			all.Add(1)
			go func(f func()) {
				defer all.Done()
				f()
			}(f)
		}
		all.Wait()
	}
}

func TestAPanicInTheMiddleOfReadingEndsTheRequest(t *testing.T) {
	_, m := load(t, nil)
	s := newStream(t, m)
	func() {
		defer func() { recover() }()
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		g, err := s.Generate(ctx, "And", endless)
		for range must(t, g, err).Events() {
			panic("in the middle")
		}
	}()
	for { // the request ends at its next step
		_, err := s.Complete(background, "", skein.Options{"max_tokens": 1})
		if err == nil {
			break
		}
		if !errors.Is(err, skein.FailedPrecondition) {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

func TestTheCollectorUnderLoad(t *testing.T) {
	r, m := load(t, skein.Options{"deterministic": true})
	want, err := newStream(t, m).Complete(background, "And", skein.Options{"max_tokens": 12, "seed": 1})
	must(t, want, err)
	stop := make(chan struct{})
	var collecting, working sync.WaitGroup
	collecting.Add(1)
	go func() {
		defer collecting.Done()
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := 0; i < 4; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for j := 0; j < 10; j++ { // nothing here is closed
				s, err := m.NewStream(nil)
				if err != nil {
					t.Error(err)
					return
				}
				q, err := r.NewQueue(nil)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := completeOn(q, s); err != nil || got != want {
					t.Errorf("%q, %v; expected %q", got, err, want)
				}
			}
		}()
	}
	working.Wait()
	close(stop)
	collecting.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for { // finalisers run some time after a collection
		runtime.GC()
		load, err := m.Load()
		if must(t, load, err).NumStreams == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are left", load.NumStreams)
		}
		runtime.Gosched()
	}
}

// completeOn runs a request to which only the queue holds on, as to its stream.
func completeOn(q *skein.Queue, s *skein.Stream) (text string, err error) {
	request, err := s.NewRequest()
	if err != nil {
		return "", err
	}
	if err := request.SetPrompt("And"); err != nil {
		return "", err
	}
	if err := request.SetOptions(skein.Options{"max_tokens": 12, "seed": 1}); err != nil {
		return "", err
	}
	if err := q.Submit(request); err != nil {
		return "", err
	}
	request, s = nil, nil
	events := make([]skein.Event, 4)
	for {
		n, err := q.Read(background, events)
		if err != nil {
			return text, err
		}
		for i := range events[:n] {
			text += events[i].Text
			if events[i].Terminal() {
				return text, events[i].Err()
			}
		}
	}
}

// exitWithLiveStreams ends the process in the middle of everything.
func exitWithLiveStreams() {
	r := skein.Must(skein.NewRuntime(nil))
	m := skein.Must(r.LoadModel(background, modelPath(), nil))
	q := skein.Must(r.NewQueue(nil))
	q.SetWakeup(func() {})
	events := make([]skein.Event, 8)
	for i := 0; i < 8; i++ {
		s := skein.Must(m.NewStream(nil))
		if i%2 == 0 {
			g := skein.Must(s.Generate(background, "And", endless))
			<-g.Events()
			continue
		}
		request := skein.Must(s.NewRequest())
		request.SetPrompt("And")
		request.SetOptions(endless)
		q.Submit(request)
	}
	skein.Must(q.Read(background, events))
	os.Exit(3)
}

func TestTheProcessMayEndWithLiveStreams(t *testing.T) {
	for i := 0; i < 3; i++ {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), "SKEIN_TEST_EXIT=1")
		output, err := command.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Fatalf("%v: %s", err, output)
		}
	}
}

// footprint is what the process holds: descriptors, and memory in kilobytes.
func footprint(t *testing.T) (descriptors, kilobytes int) {
	runtime.GC()
	open, err := os.ReadDir("/proc/self/fd")
	must(t, open, err)
	status, err := os.ReadFile("/proc/self/statm")
	var pages, resident int
	fmt.Sscan(string(must(t, status, err)), &pages, &resident)
	return len(open), resident * os.Getpagesize() / 1024
}

// SKEIN_ITERATIONS=10000 takes about a minute.
func iterations() int {
	if n, err := strconv.Atoi(os.Getenv("SKEIN_ITERATIONS")); err == nil {
		return n
	}
	return 300
}

func TestMakingUsingAndClosingLeavesNothing(t *testing.T) {
	r, m := load(t, nil)
	use := func(n int) {
		for i := 0; i < n; i++ {
			s := newStream(t, m)
			if _, err := s.Complete(background, "And", skein.Options{"max_tokens": 2}); err != nil {
				t.Fatal(err)
			}
			fork, err := s.Fork()
			must(t, fork, err)
			q, err := r.NewQueue(nil)
			must(t, q, err)
			if err := q.SetWakeup(func() {}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(background, time.Microsecond)
			q.Wait(ctx)
			cancel()
			prefix, err := fork.NewPrefix("p", "")
			must(t, prefix, err)
			tokenizer, err := m.Tokenizer()
			must(t, tokenizer, err)
			if _, err := m.Score(background, []skein.ScoreItem{{Stream: fork, Tokens: []skein.Token{65, 66}, Top: 1}}); err != nil {
				t.Fatal(err)
			}
			for _, value := range []interface{ Close() error }{s, q, tokenizer, fork, prefix} {
				if err := value.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	use(100) // the first ones fill pools and caches
	descriptors, kilobytes := footprint(t)
	use(iterations())
	after, kilobytesAfter := footprint(t)
	t.Logf("%d iterations: %d to %d descriptors, %d to %d KiB", iterations(), descriptors, after, kilobytes, kilobytesAfter)
	if after > descriptors+2 || kilobytesAfter > kilobytes+16*1024 {
		t.Errorf("%d to %d descriptors, %d to %d KiB", descriptors, after, kilobytes, kilobytesAfter)
	}
	load, err := m.Load()
	if must(t, load, err).NumStreams != 0 {
		t.Errorf("%d streams", load.NumStreams)
	}
}
