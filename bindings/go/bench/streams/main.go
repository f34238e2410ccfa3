// Command streams writes many texts at once: streams MODEL NUM_STREAMS NUM_TOKENS queue|generations. It prints
// the processor time of the process while they are written, in seconds, and the bytes of text.
// bindings/bench/streams.c does the same in C; the difference is what the binding costs. Generations are
// many goroutines, each with the queue of its own text.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"skein.dev/skein"
)

var background = context.Background()

func processorSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Sec+usage.Stime.Sec) + 1e-6*float64(usage.Utime.Usec+usage.Stime.Usec)
}

// throughQueue takes all events of one queue.
func throughQueue(runtime *skein.Runtime, requests []*skein.Request) (textBytes int64) {
	queue := skein.Must(runtime.NewQueue(nil))
	if err := queue.Submit(requests...); err != nil {
		panic(err)
	}
	events := make([]skein.Event, 256)
	for running := len(requests); running > 0; {
		n := skein.Must(queue.Read(background, events))
		for i := range events[:n] {
			textBytes += int64(len(events[i].Text))
			if events[i].Terminal() {
				running--
			}
		}
	}
	return textBytes
}

type counter struct{ textBytes *int64 }

func (c counter) Write(p []byte) (int, error) {
	atomic.AddInt64(c.textBytes, int64(len(p)))
	return len(p), nil
}

// throughGenerations has a goroutine for each text.
func throughGenerations(requests []*skein.Request) (textBytes int64) {
	var all sync.WaitGroup
	for _, request := range requests {
		generation := skein.Must(request.Start(background))
		all.Add(1)
		go func() {
			defer all.Done()
			skein.Must(generation.WriteTo(counter{&textBytes}))
		}()
	}
	all.Wait()
	return textBytes
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: streams MODEL NUM_STREAMS NUM_TOKENS queue|generations")
		os.Exit(2)
	}
	numStreams, numTokens := skein.Must(strconv.Atoi(os.Args[2])), skein.Must(strconv.Atoi(os.Args[3]))
	runtime := skein.Must(skein.NewRuntime(skein.Options{"threads": 1}))
	model := skein.Must(runtime.LoadModel(background, os.Args[1], skein.Options{"calibrate": 0, "device": "cpu"}))
	requests := make([]*skein.Request, numStreams)
	for i := range requests {
		requests[i] = skein.Must(skein.Must(model.NewStream(nil)).NewRequest())
		if err := requests[i].SetPromptTokens([]skein.Token{65, 110, 100}); err != nil {
			panic(err)
		}
		if err := requests[i].SetOptions(skein.Options{"max_tokens": numTokens, "stop_at_end": 0, "seed": i}); err != nil {
			panic(err)
		}
	}
	begin, textBytes := processorSeconds(), int64(0)
	if os.Args[4] == "queue" {
		textBytes = throughQueue(runtime, requests)
	} else {
		textBytes = throughGenerations(requests)
	}
	fmt.Printf("%.4f %d\n", processorSeconds()-begin, textBytes)
}
