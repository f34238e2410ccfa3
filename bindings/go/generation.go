package skein

import (
	"context"
	"errors"
	"io"
	"strings"
)

// Generation is a request that runs, with a queue of its own. Its events go through a channel; a reader
// that is slow slows nothing but this request. Whoever stops reading ends the context or calls Cancel,
// because a goroutine waits for the reader.
type Generation struct {
	queue  *Queue
	cancel context.CancelFunc
	events chan Event

	// Written before the channel is closed.
	last Event
	err  error
}

// Generate writes text behind prompt on the stream, with options of a request. The request is closed at its
// end; Request.Start leaves it to the caller, who may ask it for log-probabilities and samples then.
func (s *Stream) Generate(ctx context.Context, prompt string, options Options) (*Generation, error) {
	r, err := s.NewRequest()
	if err != nil {
		return nil, err
	}
	err = r.SetPrompt(prompt)
	if err == nil {
		err = r.SetOptions(options)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	g, err := r.start(ctx, r)
	if err != nil {
		r.Close()
	}
	return g, err
}

// Complete is Generate and Text in one call.
func (s *Stream) Complete(ctx context.Context, prompt string, options Options) (string, error) {
	g, err := s.Generate(ctx, prompt, options)
	if err != nil {
		return "", err
	}
	return g.Text()
}

// Start submits the request to a queue of its own. When ctx ends, the request is cancelled; if it has
// ended already, Start returns its error and submits nothing. The runtime must be open.
func (r *Request) Start(ctx context.Context) (*Generation, error) { return r.start(ctx, nil) }

func (r *Request) start(ctx context.Context, owned *Request) (*Generation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	queue, err := r.stream.runtime.NewQueue(nil)
	if err != nil {
		return nil, err
	}
	if err := queue.Submit(r); err != nil {
		queue.Close()
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	g := &Generation{queue: queue, cancel: cancel, events: make(chan Event, pollEvents)}
	acknowledge := func() {}
	if r.window {
		g.events = make(chan Event) // what is in a buffer was not received
		acknowledge = func() {
			if errors.Is(r.Acknowledge(1), InvalidHandle) {
				cancel() // the request was closed, and would wait for ever
			}
		}
	}
	go func() {
		<-inner.Done()
		if err := r.Cancel(); err != nil { // the request was closed: the end of its queue cancels it
			queue.Close()
		}
	}()
	go func() {
		defer close(g.events)
		g.deliver(ctx, inner, acknowledge)
		cancel()
		queue.Close()
		if owned != nil {
			owned.Close()
		}
	}()
	return g, nil
}

// Events delivers the events, the terminal one included, and is closed behind that. When the context has
// ended there may be no more of them.
func (g *Generation) Events() <-chan Event { return g.events }

// Cancel ends the generation at the next step.
func (g *Generation) Cancel() { g.cancel() }

// Wait drops what was not read, and returns the terminal event. The error is the context's if that ended
// the request, and else that of the event.
func (g *Generation) Wait() (Event, error) {
	for range g.events {
	}
	return g.last, g.err
}

// WriteTo writes the text to w as it comes. If w fails, the request is cancelled.
func (g *Generation) WriteTo(w io.Writer) (written int64, err error) {
	for event := range g.events {
		if event.Status != OK || event.Text == "" {
			continue
		}
		n, err := io.WriteString(w, event.Text)
		written += int64(n)
		if err != nil {
			g.Cancel()
			g.Wait()
			return written, err
		}
	}
	_, err = g.Wait()
	return written, err
}

// Text waits for the end and returns the whole text. With an error it is what there was until then.
func (g *Generation) Text() (string, error) {
	var text strings.Builder
	_, err := g.WriteTo(&text)
	return text.String(), err
}

// deliver takes the events of the request until its terminal one. When inner has ended, which cancels the
// request, it delivers no more.
func (g *Generation) deliver(ctx, inner context.Context, acknowledge func()) {
	events := make([]Event, pollEvents)
	for !g.last.Terminal() {
		n, err := g.queue.Read(context.Background(), events)
		if err != nil {
			g.err = err
			break
		}
		for _, event := range events[:n] {
			g.last = event
			select {
			case g.events <- event:
				if event.Kind == TokenEvent {
					acknowledge()
				}
			case <-inner.Done():
			}
		}
	}
	if g.err == nil {
		g.err = g.last.Err()
	}
	if g.err != nil && ctx.Err() != nil {
		g.err = ctx.Err()
	}
}
