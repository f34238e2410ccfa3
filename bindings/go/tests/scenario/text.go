package main

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"regexp"
	"strconv"
	"strings"

	"skein.dev/skein"
)

// word is one word of a step: an argument, or an option if it has a key.
type word struct {
	text  string
	key   string
	value any
}

var (
	wordPattern    = regexp.MustCompile(`(?:([a-z0-9_]+)=)?("(?:[^"\\]|\\.)*"|[^ "]\S*|)`)
	escapePattern  = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|.)`)
	integerPattern = regexp.MustCompile(`^-?[0-9]+$`)
	numberPattern  = regexp.MustCompile(`^-?[0-9]*\.[0-9]*$`)
)

// parse splits a line into words.
func (r *runner) parse(line string) (words []word) {
	for line != "" {
		found := wordPattern.FindStringSubmatch(line)
		line = strings.TrimPrefix(line[len(found[0]):], " ")
		quoted, text := strings.HasPrefix(found[2], `"`), r.plain(found[2])
		w := word{text: text, key: found[1], value: text}
		if integer, err := strconv.ParseInt(text, 10, 64); !quoted && integerPattern.MatchString(text) && err == nil {
			w.value = integer
		} else if number, err := strconv.ParseFloat(text, 64); !quoted && numberPattern.MatchString(text) && err == nil {
			w.value = number
		}
		words = append(words, w)
	}
	return words
}

// plain gives what a word stands for.
func (r *runner) plain(text string) string {
	if strings.HasPrefix(text, `"`) {
		text = escapePattern.ReplaceAllStringFunc(text[1:len(text)-1], func(escape string) string {
			switch escape[1] {
			case 'n':
				return "\n"
			case 'x':
				b, _ := strconv.ParseUint(escape[2:], 16, 8)
				return string([]byte{byte(b)})
			}
			return escape[1:]
		})
	}
	for name, value := range map[string]string{"$MODEL": r.model, "$TEMP": r.temp} {
		if strings.HasPrefix(text, name) {
			return value + text[len(name):]
		}
	}
	return text
}

func quote(text string) string {
	quoted := []byte{'"'}
	for _, b := range []byte(text) {
		switch {
		case b == '"' || b == '\\':
			quoted = append(quoted, '\\', b)
		case b < 0x20 || b > 0x7e:
			quoted = append(quoted, fmt.Sprintf("\\x%02x", b)...)
		default:
			quoted = append(quoted, b)
		}
	}
	return string(append(quoted, '"'))
}

func float(f float32) string {
	if f != f {
		return "nan"
	}
	return fmt.Sprintf("%08x", math.Float32bits(f))
}

func double(d float64) string {
	if d != d {
		return "nan"
	}
	return fmt.Sprintf("%016x", math.Float64bits(d))
}

// array prints elements of four bytes, given as text and as bits.
func array[T any](elements []T, show func(T) string, bits func(T) uint32) string {
	hash := fnv.New64a()
	line := strconv.Itoa(len(elements))
	for i, element := range elements {
		if i < 4 {
			line += " " + show(element)
		}
		binary.Write(hash, binary.LittleEndian, bits(element))
	}
	return fmt.Sprintf("%s %016x", line, hash.Sum64())
}

func floats(elements []float32) string {
	return array(elements, float, func(f float32) uint32 {
		if f != f {
			return 0x7fc00000
		}
		return math.Float32bits(f)
	})
}

func tokens(elements []skein.Token) string {
	return array(elements, func(t skein.Token) string { return strconv.FormatUint(uint64(t), 10) },
		func(t skein.Token) uint32 { return uint32(t) })
}
