package skein_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skein.dev/skein"
)

func ExampleStream_Generate() {
	runtime := skein.Must(skein.NewRuntime(nil))
	defer runtime.Close()
	model := skein.Must(runtime.LoadModel(context.Background(), modelPath(), nil))
	defer model.Close()
	stream := skein.Must(model.NewStream(nil))
	defer stream.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel() // ends the request, however the loop is left
	text := skein.Must(stream.Generate(ctx, "In the beginning", skein.Options{"max_tokens": 20, "stop_at_end": false}))
	written := 0
	for event := range text.Events() {
		written += len(event.Text) // a piece as it was written
	}
	end, err := text.Wait()
	fmt.Println(written > 0, end.NumTokens, err)
	// Output: true 20 <nil>
}

func ExampleError() {
	runtime := skein.Must(skein.NewRuntime(nil))
	defer runtime.Close()
	_, err := runtime.LoadModel(context.Background(), "/nowhere", nil)
	var failure *skein.Error
	if errors.Is(err, skein.NotFound) && errors.As(err, &failure) {
		fmt.Println(failure.Code)
	}
	// Output: NOT_FOUND
}

func ExampleQueue_Read() {
	runtime := skein.Must(skein.NewRuntime(nil))
	defer runtime.Close()
	model := skein.Must(runtime.LoadModel(context.Background(), modelPath(), nil))
	defer model.Close()
	queue := skein.Must(runtime.NewQueue(nil))
	defer queue.Close()

	prompts := []string{"In the beginning", "And it came to pass", "Let there be"}
	for i, prompt := range prompts {
		request := skein.Must(skein.Must(model.NewStream(nil)).NewRequest())
		check(request.SetPrompt(prompt))
		check(request.SetOptions(skein.Options{"max_tokens": 8, "stop_at_end": false}))
		check(request.SetUserData(uint64(i)))
		check(queue.Submit(request))
	}
	texts := make([]string, len(prompts))
	events := make([]skein.Event, 64)
	for running := len(prompts); running > 0; {
		n := skein.Must(queue.Read(context.Background(), events))
		for _, event := range events[:n] {
			texts[event.UserData] += event.Text
			if event.Terminal() {
				running--
			}
		}
	}
	fmt.Println(len(texts[0]) > 0, len(texts[1]) > 0, len(texts[2]) > 0)
	// Output: true true true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
