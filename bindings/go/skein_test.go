package skein_test

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"skein.dev/skein"
)

var background = context.Background()

// modelPath is a small model: the one in the tree, or another one.
func modelPath() string {
	if path := os.Getenv("SKEIN_MODEL"); path != "" {
		return path
	}
	return "../../samples/models/skein-demo.skein"
}

func must[T any](t testing.TB, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func expect(t testing.TB, err error, code skein.Code) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Errorf("error %v; expected %v", err, code)
	}
}

// load makes a runtime and a model that live as long as the test.
func load(t testing.TB, options skein.Options) (*skein.Runtime, *skein.Model) {
	t.Helper()
	r, err := skein.NewRuntime(skein.Options{"threads": 2})
	must(t, r, err)
	all := skein.Options{"calibrate": false}
	for key, value := range options {
		all[key] = value
	}
	m, err := r.LoadModel(background, modelPath(), all)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		r.Close()
	})
	return r, m
}

func newStream(t testing.TB, m *skein.Model) *skein.Stream {
	t.Helper()
	s, err := m.NewStream(nil)
	return must(t, s, err)
}

func TestErrorsHaveACodeAMessageAndATime(t *testing.T) {
	_, m := load(t, skein.Options{"max_streams": 1})
	s := newStream(t, m)
	_, err := s.Fork()
	var failure *skein.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%T is no *skein.Error", err)
	}
	if failure.Code != skein.ResourceExhausted || !strings.Contains(failure.Message, "max_streams") || failure.RetryAfter <= 0 {
		t.Errorf("%+v", failure)
	}
	if text := err.Error(); !strings.HasPrefix(text, "skein: RESOURCE_EXHAUSTED: ") {
		t.Error(text)
	}
	expect(t, err, skein.ResourceExhausted)
	if errors.Is(err, skein.NotFound) {
		t.Error("the error is of every code")
	}
}

func TestOptionsAreCheckedBeforeTheCall(t *testing.T) {
	for name, options := range map[string]skein.Options{
		"no such key":     {"thread": 1},
		"a slice":         {"threads": []int{1}},
		"nil":             {"threads": nil},
		"too large":       {"threads": uint64(math.MaxUint64)},
		"another type":    {"threads": "two"},
		"a NUL in a key":  {"threads\x00": 1},
		"a NUL in a text": {"plugin_path": "a\x00b"},
	} {
		r, err := skein.NewRuntime(options)
		if r != nil {
			t.Error(name)
		}
		expect(t, err, skein.InvalidArgument)
	}
}

func TestOptionsTakeWhatAProgramHas(t *testing.T) {
	type size uint16
	type path string
	for _, options := range []skein.Options{
		{"threads": int8(1)}, {"threads": size(1)}, {"search": true}, {"plugin_path": path("")}, {},
	} {
		r, err := skein.NewRuntime(options)
		must(t, r, err).Close()
	}
}

func TestOptionKeysTellTypeAndRange(t *testing.T) {
	keys, err := skein.OptionKeys(skein.RequestOptions)
	for _, key := range must(t, keys, err) {
		if key.Key == "top_p" && key.Type == skein.FloatOption && key.Max == 1 && key.Default == "0.85" && key.Help != "" {
			return
		}
	}
	t.Errorf("no top_p as it should be in %+v", keys)
}

func TestARuntimeTellsWhatItHas(t *testing.T) {
	r, m := load(t, nil)
	plugins, err := r.Plugins()
	if len(must(t, plugins, err)) < 3 || plugins[0].Path == "" {
		t.Errorf("%+v", plugins)
	}
	devices, err := r.Devices()
	if len(must(t, devices, err)) < 2 || devices[0].Generations&(1<<7) == 0 {
		t.Errorf("%+v", devices)
	}
	metrics, err := r.Metrics()
	if !strings.Contains(must(t, metrics, err), "skein_slots") {
		t.Error("no metrics")
	}
	progress, err := r.Progress()
	if p := must(t, progress, err); p.What != "loading" || p.Active {
		t.Errorf("%+v", p)
	}
	info, err := m.Info()
	if i := must(t, info, err); i.Generation != 7 || i.VocabSize == 0 || i.DModel == 0 || !i.HasTokenizer {
		t.Errorf("%+v", i)
	}
	for {
		line, ok, err := r.PollLog()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if line.Text == "" || line.Severity > skein.LogError {
			t.Errorf("%+v", line)
		}
	}
}

func TestATokenizerGivesBackWhatItWasGiven(t *testing.T) {
	_, m := load(t, nil)
	tokenizer, err := m.Tokenizer()
	defer must(t, tokenizer, err).Close()
	for _, text := range []string{"", "Hello, world", "\xff\x00\xce", "αβ 😀"} {
		tokens, err := tokenizer.Encode(text)
		again, err2 := tokenizer.Decode(must(t, tokens, err))
		if must(t, again, err2) != text {
			t.Errorf("%q became %q", text, again)
		}
	}
}

func TestEvalAndScoreAgreeWithEachOther(t *testing.T) {
	_, m := load(t, skein.Options{"deterministic": true})
	a, b := newStream(t, m), newStream(t, m)
	tokens := []skein.Token{65, 110, 100, 32}
	rows, err := m.Eval(background, []skein.EvalItem{
		{Stream: a, Tokens: tokens[:3], Output: skein.OutputLastLogits},
		{Stream: b, Tokens: tokens, Output: skein.OutputAllHidden},
	})
	if must(t, rows, err); len(rows[0].Rows) != 1 || len(rows[1].Rows) != 4 || rows[0].Err != nil {
		t.Fatalf("%d and %d rows", len(rows[0].Rows), len(rows[1].Rows))
	}
	logits := rows[0].Rows[0]
	sum := 0.0
	for _, logit := range logits {
		sum += math.Exp(float64(logit))
	}
	want := float64(logits[32]) - math.Log(sum)

	start := newStream(t, m)
	scores, err := m.Score(background, []skein.ScoreItem{{Stream: start, Tokens: tokens, Top: 2}, {Stream: start, Tokens: tokens[:1]}})
	must(t, scores, err)
	if got := float64(scores[0].Logprobs[3]); math.Abs(got-want) > 1e-4 || scores[0].Scored != 3 {
		t.Errorf("log-probability %v of %d tokens; the logits say %v", got, scores[0].Scored, want)
	}
	if len(scores[0].Top) != 4 || len(scores[0].Top[3]) != 2 || scores[0].Top[3][0].Logprob < scores[0].Top[3][1].Logprob {
		t.Errorf("top %v", scores[0].Top)
	}
}

func TestEachItemEndsOnItsOwn(t *testing.T) {
	_, m := load(t, nil)
	a, b := newStream(t, m), newStream(t, m)
	rows, err := m.Eval(background, []skein.EvalItem{{Stream: a, Tokens: []skein.Token{65}}, {Stream: b, Tokens: []skein.Token{70000}}})
	expect(t, err, skein.InvalidArgument)
	expect(t, rows[1].Err, skein.InvalidArgument)
	vectors, err := m.Embed(background, []skein.EmbedItem{
		{Text: "In the beginning", Normalise: true}, {Tokens: []skein.Token{65}, Pooling: skein.PoolingMean, Tenant: "ann"}, {Text: ""},
	})
	expect(t, err, skein.InvalidArgument)
	length := 0.0
	for _, x := range vectors[0].Vector {
		length += float64(x) * float64(x)
	}
	if math.Abs(length-1) > 1e-4 || vectors[0].Read == 0 || vectors[1].Err != nil || vectors[2].Err == nil {
		t.Errorf("length %v; %v, %v", length, vectors[1].Err, vectors[2].Err)
	}
	if _, err := m.Eval(background, nil); err != nil {
		expect(t, err, skein.InvalidArgument)
	}
}

func TestAStreamForksGoesBackAndMoves(t *testing.T) {
	_, m := load(t, skein.Options{"deterministic": true})
	s := newStream(t, m)
	options := skein.Options{"max_tokens": 8, "temperature": 0}
	text, err := s.Complete(background, "And it came to pass", options)
	must(t, text, err)
	snapshot, err := s.Snapshot(background)
	must(t, snapshot, err)
	prefix, err := s.NewPrefix("place", "a test")
	must(t, prefix, err)
	want, err := s.Complete(background, "", options)
	must(t, want, err)

	other := newStream(t, m)
	if err := other.Restore(background, snapshot); err != nil {
		t.Fatal(err)
	}
	started, err := prefix.NewStream(nil)
	position, err2 := other.Position()
	fork, _, err3 := s.ForkAt(background, must(t, position, err2))
	for _, stream := range []*skein.Stream{other, must(t, started, err), must(t, fork, err3)} {
		got, err := stream.Complete(background, "", options)
		// A place behind a fork has no pending token, and a fork's prompt is empty then.
		if stream != fork && must(t, got, err) != want {
			t.Errorf("%q; expected %q", got, want)
		}
	}
	if checkpoints, err := s.Checkpoints(); err != nil {
		t.Error(err, checkpoints)
	}
}

func TestChatAndTenants(t *testing.T) {
	_, m := load(t, nil)
	conversation := []skein.Message{{"system", "Be brief."}, {"user", "Why?"}}
	prompt, err := m.ChatPrompt(conversation, skein.Options{"template": "world"})
	if must(t, prompt, err); !strings.Contains(prompt, "User: Why?") {
		t.Errorf("%q", prompt)
	}
	_, err = m.ChatPrompt([]skein.Message{{"us\x00er", ""}}, nil)
	expect(t, err, skein.InvalidArgument)
	if err := m.SetTenant("ann", skein.Options{"weight": 2}); err != nil {
		t.Fatal(err)
	}
	load, err := m.TenantLoad("ann")
	if must(t, load, err); load.Weight != 2 {
		t.Errorf("weight %v", load.Weight)
	}
}
