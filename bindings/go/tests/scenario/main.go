// Command scenario plays one scenario file with the Go binding and prints its transcript: scenario MODEL
// SCENARIO_FILE TEMP_DIR. tests/bindings/scenario/README.md is the grammar of both.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"skein.dev/skein"
)

// A runner has what the steps made, by name.
type runner struct {
	model, folder, temp string
	objects             map[string]any
	lines               []string // results of the step that runs
}

// step is a verb with its words.
type step struct {
	*runner
	words   []string
	options skein.Options
}

var background = context.Background()

func (r *runner) print(format string, values ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, values...))
}

// get gives the object that a name stands for.
func get[T any](s *step, i int) T {
	object, ok := s.objects[s.words[i]].(T)
	if !ok {
		panic(fmt.Sprintf("%s is no %T", s.words[i], object))
	}
	return object
}

// put stores a new object, unless its making failed.
func put[T any](s *step, object T, err error) error {
	if err == nil {
		s.objects[s.words[0]] = object
	}
	return err
}

// run does one step and gives the words of its results.
func (r *runner) run(words []word) error {
	verb, ok := verbs[words[0].text]
	if !ok {
		panic("no verb " + words[0].text)
	}
	s := &step{runner: r}
	for _, w := range words[1:] {
		if w.key == "" {
			s.words = append(s.words, w.text)
			continue
		}
		if s.options == nil {
			s.options = skein.Options{}
		}
		s.options[w.key] = w.value
	}
	return verb(s)
}

// expectError runs `error STATUS STEP`.
func (r *runner) expectError(words []word) error {
	err := r.run(words[2:])
	status, message := describe(err)
	if status != words[1].text {
		return fmt.Errorf("%s; expected %s", status, words[1].text)
	}
	r.lines = nil
	if status == "INVALID_HANDLE" {
		r.print("%s", status)
	} else {
		r.print("%s %s", status, quote(r.anonymous(message)))
	}
	return nil
}

// describe gives the status and the message of an error.
func describe(err error) (status, message string) {
	var failure *skein.Error
	switch {
	case err == nil:
		return "OK", ""
	case errors.As(err, &failure):
		return failure.Code.String(), failure.Message
	}
	return "UNKNOWN", err.Error()
}

// anonymous takes the paths of this run out of a message.
func (r *runner) anonymous(message string) string {
	return strings.ReplaceAll(strings.ReplaceAll(message, r.temp, "$TEMP"), r.model, "$MODEL")
}

// child plays a scenario in a process of its own.
func child(s *step) error {
	command := exec.Command(os.Args[0], s.model, filepath.Join(s.folder, s.words[0]), s.temp)
	command.Stderr = os.Stderr
	output, err := command.Output()
	for _, line := range bytes.Split(bytes.TrimSuffix(output, []byte("\n")), []byte("\n")) {
		s.print("%s", line)
	}
	return err
}

// play does the steps of a file and says whether all went as it says.
func (r *runner) play(lines []string) bool {
	for _, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Printf("> %s\n", line)
		r.lines = nil
		words := r.parse(line)
		run := r.run
		if words[0].text == "error" {
			run = r.expectError
		}
		if err := run(words); err != nil {
			status, message := describe(err)
			fmt.Printf("  ! %s %s\n", status, quote(r.anonymous(message)))
			return false
		}
		for _, result := range r.lines {
			fmt.Printf("  %s\n", result)
		}
	}
	return true
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: scenario MODEL SCENARIO_FILE TEMP_DIR")
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	r := &runner{model: os.Args[1], folder: filepath.Dir(os.Args[2]), temp: os.Args[3], objects: map[string]any{}}
	if !r.play(strings.Split(string(text), "\n")) {
		os.Exit(1)
	}
}
