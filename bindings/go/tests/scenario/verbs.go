package main

import (
	"strconv"
	"strings"

	"skein.dev/skein"
)

// number gives a word as a number.
func (s *step) number(i int) uint64 {
	n, err := strconv.ParseUint(s.words[i], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// tokens gives a word as tokens: a list, or a name.
func (s *step) tokens(i int) []skein.Token { return s.tokensOf(s.words[i]) }

func (s *step) tokensOf(text string) (list []skein.Token) {
	if stored, ok := s.objects[text].([]skein.Token); ok {
		return stored
	}
	for _, id := range strings.Split(text, ",") {
		token, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			panic(err)
		}
		list = append(list, skein.Token(token))
	}
	return list
}

// present prints whether the text has a word in it.
func (s *step) present(text string, err error, want string) error {
	if strings.Contains(text, want) {
		s.print("present")
	} else {
		s.print("absent")
	}
	return err
}

func (s *step) flags(from int) (flags skein.SaveFlags) {
	for _, flag := range s.words[from:] {
		flags |= map[string]skein.SaveFlags{"replace": skein.SaveReplace, "past": skein.SavePast}[flag]
	}
	return flags
}

func (s *step) messages(from int) (conversation []skein.Message) {
	for ; from < len(s.words); from += 2 {
		conversation = append(conversation, skein.Message{Role: s.words[from], Text: s.words[from+1]})
	}
	return conversation
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

var verbs map[string]func(*step) error

// The table refers to functions that look into it.
func init() {
	verbs = map[string]func(*step) error{
		"version":     func(s *step) error { s.print("%s", quote(skein.Version())); return nil },
		"status_name": func(s *step) error { s.print("%s", quote(skein.Code(s.number(0)).String())); return nil },
		"bytes":       func(s *step) error { return put(s, []byte(s.words[1]), nil) },
		"child":       child,
		"release":     release,
	}
	for _, more := range []map[string]func(*step) error{
		runtimeVerbs, modelVerbs, tokenizerVerbs, streamVerbs, computeVerbs, prefixVerbs, requestVerbs, queueVerbs,
	} {
		for name, verb := range more {
			verbs[name] = verb
		}
	}
}

func release(s *step) error {
	for i := range s.words {
		if err := get[interface{ Close() error }](s, i).Close(); err != nil {
			return err
		}
	}
	return nil
}

var runtimeVerbs = map[string]func(*step) error{
	"options_keys": func(s *step) error {
		keys, err := skein.OptionKeys(skein.OptionKind(s.number(0)))
		for _, k := range keys {
			s.print("%s %d %s %s %s", k.Key, k.Type, quote(k.Default), double(k.Min), double(k.Max))
		}
		return err
	},
	"runtime_create": func(s *step) error {
		r, err := skein.NewRuntime(s.options)
		return put(s, r, err)
	},
	"runtime_load_plugin": func(s *step) error { return get[*skein.Runtime](s, 0).LoadPlugin(s.words[1]) },
	"runtime_plugin": func(s *step) error {
		plugins, err := get[*skein.Runtime](s, 0).Plugins()
		for _, p := range plugins {
			if p.ID == s.words[1] {
				s.print("%d %d %d", p.Kind, truth(p.Loaded), p.ABI)
			}
		}
		return err
	},
	"runtime_device": func(s *step) error {
		devices, err := get[*skein.Runtime](s, 0).Devices()
		for _, d := range devices {
			if d.Name == s.words[1] {
				s.print("%s %d %d", quote(d.PluginID), d.Generations, d.WeightTypes)
			}
		}
		return err
	},
	"runtime_poll_log": func(s *step) error {
		result := "none"
		for {
			_, ok, err := get[*skein.Runtime](s, 0).PollLog()
			if err != nil || !ok {
				s.print("%s", result)
				return err
			}
			result = "lines"
		}
	},
	"runtime_metrics": func(s *step) error {
		text, err := get[*skein.Runtime](s, 0).Metrics()
		return s.present(text, err, s.words[1])
	},
	"runtime_progress": func(s *step) error {
		p, err := get[*skein.Runtime](s, 0).Progress()
		s.print("%d %s", truth(p.Active), quote(p.What))
		return err
	},
}

var modelVerbs = map[string]func(*step) error{
	"model_load": func(s *step) error {
		m, err := get[*skein.Runtime](s, 1).LoadModel(background, s.words[2], s.options)
		return put(s, m, err)
	},
	"model_get_info": func(s *step) error {
		i, err := get[*skein.Model](s, 0).Info()
		s.print("%d %d %d %d %d %d %d %d %d %d %d", i.Generation, i.NumLayers, i.DModel, i.DFfn, i.VocabSize, i.NumHeads,
			i.HeadSize, i.NumParameters, i.NumStateFloats, truth(i.HasTokenizer), i.EndToken)
		s.print("%s %s %s %s", quote(i.Device), quote(i.Type), quote(i.Name), quote(i.ChatTemplate))
		return err
	},
	"model_describe": func(s *step) error {
		text, err := get[*skein.Runtime](s, 0).DescribeModel(background, s.words[1], s.options)
		return s.present(text, err, s.words[2])
	},
	"model_convert": func(s *step) error {
		return get[*skein.Runtime](s, 0).ConvertModel(background, s.words[1], s.words[2], s.options)
	},
	"model_tokenizer": func(s *step) error {
		t, err := get[*skein.Model](s, 1).Tokenizer()
		return put(s, t, err)
	},
	"model_chat_prompt": func(s *step) error {
		text, err := get[*skein.Model](s, 0).ChatPrompt(s.messages(1), s.options)
		s.print("%s", quote(text))
		return err
	},
	"model_set_tenant": func(s *step) error { return get[*skein.Model](s, 0).SetTenant(s.words[1], s.options) },
	"model_get_load": func(s *step) error {
		l, err := get[*skein.Model](s, 0).Load()
		if len(s.words) > 1 {
			l, err = get[*skein.Model](s, 0).TenantLoad(s.words[1])
		}
		s.print("%d %d %d %d %d %s", l.NumStreams, l.MaxStreams, l.NumWaiting, l.NumRunning, l.QueuedTokens, double(l.Weight))
		return err
	},
}

var tokenizerVerbs = map[string]func(*step) error{
	"tokenizer_load": func(s *step) error {
		t, err := get[*skein.Runtime](s, 1).LoadTokenizer(background, s.words[2], s.options)
		return put(s, t, err)
	},
	"tokenizer_get_info": func(s *step) error {
		i, err := get[*skein.Tokenizer](s, 0).Info()
		s.print("%d %s %s", i.VocabSize, quote(i.Kind), quote(i.Origin))
		return err
	},
	"tokenizer_encode": func(s *step) error {
		list, err := get[*skein.Tokenizer](s, 1).Encode(s.words[2])
		s.print("%s", tokens(list))
		return put(s, list, err)
	},
	"tokenizer_decode": func(s *step) error {
		text, err := get[*skein.Tokenizer](s, 0).Decode(s.tokens(1))
		s.print("%s", quote(text))
		return err
	},
}

var streamVerbs = map[string]func(*step) error{
	"stream_create": func(s *step) error {
		stream, err := get[*skein.Model](s, 1).NewStream(s.options)
		return put(s, stream, err)
	},
	"stream_reset": func(s *step) error { return get[*skein.Stream](s, 0).Reset() },
	"stream_fork": func(s *step) error {
		fork, err := get[*skein.Stream](s, 1).Fork()
		return put(s, fork, err)
	},
	"stream_fork_at": func(s *step) error {
		fork, replayed, err := get[*skein.Stream](s, 1).ForkAt(background, s.number(2))
		s.print("%d", replayed)
		return put(s, fork, err)
	},
	"stream_position": func(s *step) error {
		position, err := get[*skein.Stream](s, 0).Position()
		s.print("%d", position)
		return err
	},
	"stream_tokens": func(s *step) error {
		list, err := get[*skein.Stream](s, 0).Tokens(s.number(1))
		s.print("%s", tokens(list))
		return err
	},
	"stream_truncate": func(s *step) error {
		replayed, err := get[*skein.Stream](s, 0).Truncate(background, s.number(1))
		s.print("%d", replayed)
		return err
	},
	"stream_set_checkpoint": func(s *step) error { return get[*skein.Stream](s, 0).SetCheckpoint(s.words[1]) },
	"stream_find_checkpoint": func(s *step) error {
		position, err := get[*skein.Stream](s, 0).FindCheckpoint(s.words[1])
		s.print("%d", position)
		return err
	},
	"stream_checkpoints": func(s *step) error {
		places, err := get[*skein.Stream](s, 0).Checkpoints()
		for _, p := range places {
			s.print("%d %d %s", p.Position, p.StateBytes, quote(p.Name))
		}
		return err
	},
	"stream_snapshot": func(s *step) error {
		snapshot, err := get[*skein.Stream](s, 1).Snapshot(background)
		return put(s, snapshot, err)
	},
	"stream_snapshot_with": func(s *step) error {
		snapshot, err := get[*skein.Stream](s, 1).SnapshotWithPast(background)
		return put(s, snapshot, err)
	},
	"stream_restore": func(s *step) error { return get[*skein.Stream](s, 0).Restore(background, get[[]byte](s, 1)) },
	"stream_save":    func(s *step) error { return get[*skein.Stream](s, 0).Save(background, s.words[1], s.flags(2)) },
	"stream_load":    func(s *step) error { return get[*skein.Stream](s, 0).Load(background, s.words[1]) },
	"stream_state": func(s *step) error {
		state, err := get[*skein.Stream](s, 0).State(background)
		s.print("%s", floats(state))
		return err
	},
}

var outputs = map[string]skein.Output{
	"none": skein.OutputNone, "last_logits": skein.OutputLastLogits, "all_logits": skein.OutputAllLogits,
	"last_hidden": skein.OutputLastHidden, "all_hidden": skein.OutputAllHidden,
}

var computeVerbs = map[string]func(*step) error{
	"eval": func(s *step) error {
		var items []skein.EvalItem
		for i := 2; i < len(s.words); i += 2 {
			items = append(items, skein.EvalItem{Stream: get[*skein.Stream](s, i), Tokens: s.tokens(i + 1), Output: outputs[s.words[1]]})
		}
		results, err := get[*skein.Model](s, 0).Eval(background, items)
		for _, result := range results {
			var all []float32
			for _, row := range result.Rows {
				all = append(all, row...)
			}
			s.print("%s", floats(all))
		}
		return err
	},
	"score": func(s *step) error {
		var items []skein.ScoreItem
		for i := 2; i < len(s.words); i += 2 {
			items = append(items, skein.ScoreItem{Stream: get[*skein.Stream](s, i), Tokens: s.tokens(i + 1), Top: uint32(s.number(1))})
		}
		scores, err := get[*skein.Model](s, 0).Score(background, items)
		for _, score := range scores {
			ids, logprobs := columns(score.Top)
			s.print("%d %s %s %s %s", score.Scored, double(score.Logprob), floats(score.Logprobs), tokens(ids), floats(logprobs))
		}
		return err
	},
	"embed": func(s *step) error {
		var items []skein.EmbedItem
		for i := 3; i < len(s.words); i += 2 {
			item := skein.EmbedItem{Normalise: s.words[2] == "1"}
			if s.words[1] == "mean" {
				item.Pooling = skein.PoolingMean
			}
			if s.words[i] != "-" {
				item.Stream = get[*skein.Stream](s, i)
			}
			if _, stored := s.objects[s.words[i+1]]; stored || strings.Trim(s.words[i+1], "0123456789,") == "" {
				item.Tokens = s.tokens(i + 1)
			} else {
				item.Text = s.words[i+1]
			}
			items = append(items, item)
		}
		embeddings, err := get[*skein.Model](s, 0).Embed(background, items)
		for _, embedding := range embeddings {
			s.print("%d %s", embedding.Read, floats(embedding.Vector))
		}
		return err
	},
}

// columns gives the tokens and the log-probabilities of rows.
func columns(rows [][]skein.Logprob) (ids []skein.Token, logprobs []float32) {
	for _, row := range rows {
		for _, l := range row {
			ids, logprobs = append(ids, l.Token), append(logprobs, l.Logprob)
		}
	}
	return ids, logprobs
}

var prefixVerbs = map[string]func(*step) error{
	"prefix_create": func(s *step) error {
		p, err := get[*skein.Stream](s, 1).NewPrefix(s.words[2], s.words[3])
		return put(s, p, err)
	},
	"prefix_start": func(s *step) error {
		stream, err := get[*skein.Prefix](s, 1).NewStream(s.options)
		return put(s, stream, err)
	},
	"prefix_get_info": func(s *step) error {
		i, err := get[*skein.Prefix](s, 0).Info(background)
		s.print("%d %d %s %s", i.Position, i.StateBytes, quote(i.Fingerprint), quote(i.Name))
		return err
	},
	"prefix_provenance": func(s *step) error {
		text, err := get[*skein.Prefix](s, 0).Provenance()
		s.print("%s", quote(text))
		return err
	},
	"prefix_save": func(s *step) error { return get[*skein.Prefix](s, 0).Save(background, s.words[1], s.flags(2)) },
	"prefix_load": func(s *step) error {
		p, err := get[*skein.Model](s, 1).LoadPrefix(background, s.words[2])
		return put(s, p, err)
	},
	"snapshot_describe": func(s *step) error {
		text, err := skein.DescribeSnapshot(s.words[0], s.options)
		return s.present(text, err, s.words[1])
	},
}
