package main

import (
	"context"
	"errors"
	"math"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"skein.dev/skein"
)

// queue is a queue with what it delivered and nobody printed yet.
type queue struct {
	*skein.Queue
	woken     int64
	submitted []*delivery // in this order
}

// delivery is what came for one request.
type delivery struct {
	name     string
	request  *skein.Request
	samples  map[uint32]*sample
	terminal skein.Event
}

type sample struct {
	tokens   []skein.Token
	text     string
	logprobs []float32
	sum      float64
}

func (q *queue) submit(names []string, requests []*skein.Request) error {
	if err := q.Submit(requests...); err != nil {
		return err
	}
	for i, r := range requests {
		q.submitted = append(q.submitted, &delivery{name: names[i], request: r, samples: map[uint32]*sample{}})
	}
	return nil
}

// take waits for events and keeps them until done says so.
func (q *queue) take(done func() bool) error {
	events := make([]skein.Event, 16)
	for !done() {
		n, err := q.Read(background, events)
		if err != nil {
			return err
		}
		for _, event := range events[:n] {
			for _, d := range q.submitted {
				if d.request == event.Request {
					d.add(event)
				}
			}
		}
	}
	return nil
}

func (d *delivery) add(event skein.Event) {
	if event.Terminal() {
		d.terminal = event
	}
	if event.Kind == skein.ErrorEvent || event.Terminal() && event.Text == "" && d.samples[event.Sample] == nil {
		return
	}
	s := d.samples[event.Sample]
	if s == nil {
		s = &sample{sum: math.NaN()}
		d.samples[event.Sample] = s
	}
	s.text += event.Text
	if event.Kind == skein.TokenEvent {
		s.tokens, s.logprobs, s.sum = append(s.tokens, event.Token), append(s.logprobs, event.Logprob), event.LogprobSum
	}
}

func (d *delivery) numTokens() (count uint64) {
	for _, s := range d.samples {
		count += uint64(len(s.tokens))
	}
	return count
}

var kinds = map[skein.EventKind]string{
	skein.DoneEvent: "done", skein.ErrorEvent: "error", skein.CancelledEvent: "cancelled",
}

var reasons = map[skein.Reason]string{
	skein.NoReason: "none", skein.StopTokenReason: "stop_token", skein.StopTextReason: "stop_text",
	skein.LengthReason: "length",
}

func (d *delivery) print(s *step) {
	t := d.terminal
	reason := reasons[t.Reason]
	if t.Kind == skein.ErrorEvent {
		reason = t.Status.String()
	}
	s.print("%s %s %s prompt %d cached %d tokens %d position %d user %d", d.name, kinds[t.Kind], reason,
		t.NumPromptTokens, t.NumCachedTokens, t.NumTokens, t.Position, t.UserData)
	if t.Kind == skein.ErrorEvent {
		s.print("  message %s", quote(s.anonymous(t.Text)))
	}
	var indices []int
	for index := range d.samples {
		indices = append(indices, int(index))
	}
	sort.Ints(indices)
	for _, index := range indices {
		sample := d.samples[uint32(index)]
		s.print("  sample %d tokens %s", index, tokens(sample.tokens))
		s.print("  text %s", quote(sample.text))
		s.print("  logprobs %s", floats(sample.logprobs))
		s.print("  sum %s", double(sample.sum))
	}
}

func (q *queue) drain(s *step) error {
	err := q.take(func() bool {
		for _, d := range q.submitted {
			if !d.terminal.Terminal() {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, d := range q.submitted {
		d.print(s)
	}
	q.submitted = nil
	return nil
}

// makeRequest makes a request with options.
func makeRequest(s *step, stream *skein.Stream) (*skein.Request, error) {
	r, err := stream.NewRequest()
	if err == nil && s.options != nil {
		err = r.SetOptions(s.options)
	}
	return r, err
}

var requestVerbs = map[string]func(*step) error{
	"request_create": func(s *step) error {
		r, err := makeRequest(s, get[*skein.Stream](s, 1))
		return put(s, r, err)
	},
	"request_set_prompt":        func(s *step) error { return get[*skein.Request](s, 0).SetPrompt(s.words[1]) },
	"request_set_prompt_tokens": func(s *step) error { return get[*skein.Request](s, 0).SetPromptTokens(s.tokens(1)) },
	"request_set_chat":          func(s *step) error { return get[*skein.Request](s, 0).SetChat(s.messages(1), s.options) },
	"request_add_stop":          func(s *step) error { return get[*skein.Request](s, 0).AddStop(s.words[1]) },
	"request_add_stop_token": func(s *step) error {
		return get[*skein.Request](s, 0).AddStopToken(skein.Token(s.number(1)))
	},
	"request_set_logit_bias": func(s *step) error {
		bias, err := strconv.ParseFloat(s.words[2], 32)
		if err != nil {
			panic(err)
		}
		return get[*skein.Request](s, 0).SetLogitBias(skein.Token(s.number(1)), float32(bias))
	},
	"request_set_user_data": func(s *step) error { return get[*skein.Request](s, 0).SetUserData(s.number(1)) },
	"request_cancel":        func(s *step) error { return get[*skein.Request](s, 0).Cancel() },
	"request_acknowledge":   func(s *step) error { return get[*skein.Request](s, 0).Acknowledge(s.number(1)) },
	"request_logprobs": func(s *step) error {
		sample := skein.PromptSample
		if s.words[1] != "prompt" {
			sample = uint32(s.number(1))
		}
		rows, err := get[*skein.Request](s, 0).Logprobs(sample, s.number(2), s.number(3))
		ids, logprobs := columns(rows)
		s.print("%s", tokens(ids))
		s.print("%s", floats(logprobs))
		return err
	},
	"request_take_sample": func(s *step) error {
		stream, err := get[*skein.Request](s, 1).TakeSample(uint32(s.number(2)))
		return put(s, stream, err)
	},
}

var queueVerbs = map[string]func(*step) error{
	"queue_create": func(s *step) error {
		q, err := get[*skein.Runtime](s, 1).NewQueue(s.options)
		return put(s, &queue{Queue: q}, err)
	},
	"queue_fd": func(s *step) error {
		fd, err := get[*queue](s, 0).FD()
		if fd >= 0 {
			s.print("open")
		}
		return err
	},
	"queue_wait": func(s *step) error {
		ctx, cancel := context.WithTimeout(background, time.Duration(s.number(1))*time.Millisecond)
		defer cancel()
		err := get[*queue](s, 0).Wait(ctx)
		s.print("%d", truth(err == nil))
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	},
	"queue_set_wakeup": func(s *step) error {
		q := get[*queue](s, 0)
		if s.words[1] == "on" {
			return q.SetWakeup(func() { atomic.AddInt64(&q.woken, 1) })
		}
		err := q.SetWakeup(nil)
		if atomic.LoadInt64(&q.woken) > 0 {
			s.print("woken")
		} else {
			s.print("silent")
		}
		return err
	},
	"queue_submit": func(s *step) error {
		var requests []*skein.Request
		for i := range s.words[1:] {
			requests = append(requests, get[*skein.Request](s, i+1))
		}
		return get[*queue](s, 0).submit(s.words[1:], requests)
	},
	"queue_read": func(s *step) error {
		q, r := get[*queue](s, 0), get[*skein.Request](s, 1)
		return q.take(func() bool {
			for _, d := range q.submitted {
				if d.request == r {
					return d.terminal.Terminal() || d.numTokens() >= s.number(2)
				}
			}
			return true
		})
	},
	"queue_drain": func(s *step) error { return get[*queue](s, 0).drain(s) },
	"complete": func(s *step) error {
		q := get[*queue](s, 0)
		r, err := makeRequest(s, get[*skein.Stream](s, 1))
		if err != nil {
			return err
		}
		defer r.Close()
		if err := r.SetPrompt(s.words[2]); err != nil {
			return err
		}
		if err := q.submit([]string{"complete"}, []*skein.Request{r}); err != nil {
			return err
		}
		return q.drain(s)
	},
}
