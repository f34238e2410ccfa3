package skein

// #include <skein/skein.h>
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Token is a token id: a row of the embedding.
type Token uint32

// NoToken stands where there is no token.
const NoToken Token = C.SKEIN_NO_TOKEN

// Tokenizer turns text into tokens and back.
type Tokenizer struct{ handle handle }

// LoadTokenizer loads a vocabulary file, the tokenizer of a model file, or "world" or "bytes" from the
// box.
func (r *Runtime) LoadTokenizer(ctx context.Context, path string, options Options) (*Tokenizer, error) {
	return await(ctx, func() (*Tokenizer, error) {
		defer runtime.KeepAlive(r)
		p, err := cString("path", path)
		if err != nil {
			return nil, err
		}
		var t C.skein_tokenizer
		err = options.with(TokenizerOptions, func(options C.skein_options) error {
			return call(func(e *C.skein_error) C.skein_status {
				return C.skein_tokenizer_load(r.c(), p, options, &t, e)
			})
		})
		if err != nil {
			return nil, err
		}
		return opened(&Tokenizer{handle{valueOf(t)}}), nil
	}, func(t *Tokenizer) { t.Close() })
}

// Tokenizer opens the tokenizer of the model. NotFound: it has none.
func (m *Model) Tokenizer() (*Tokenizer, error) {
	defer runtime.KeepAlive(m)
	var t C.skein_tokenizer
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_model_tokenizer(m.c(), &t, e) })
	if err != nil {
		return nil, err
	}
	return opened(&Tokenizer{handle{valueOf(t)}}), nil
}

// Close releases the tokenizer.
func (t *Tokenizer) Close() error {
	return t.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_tokenizer_release(as[C.skein_tokenizer](value), e)
	})
}

func (t *Tokenizer) c() C.skein_tokenizer { return as[C.skein_tokenizer](t.handle.get()) }

// TokenizerInfo says what a tokenizer is.
type TokenizerInfo struct {
	Kind      string // "world", "bpe", "bytes"
	VocabSize uint32 // ids are below this
	Origin    string // how it was chosen: "given", "model", "beside", "box"
	Path      string
}

// Info says what the tokenizer is.
func (t *Tokenizer) Info() (TokenizerInfo, error) {
	defer runtime.KeepAlive(t)
	i := C.skein_tokenizer_info{struct_size: C.sizeof_skein_tokenizer_info}
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_tokenizer_get_info(t.c(), &i, e) })
	if err != nil {
		return TokenizerInfo{}, err
	}
	return TokenizerInfo{textOf(i.kind[:]), uint32(i.vocab_size), textOf(i.origin[:]), textOf(i.path[:])}, nil
}

// Encode gives the tokens of any bytes, valid UTF-8 or not.
func (t *Tokenizer) Encode(text string) ([]Token, error) {
	defer runtime.KeepAlive(t)
	bytes := []byte(text)
	return sized(len(bytes), func(b *Token, n C.uint64_t, count *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_tokenizer_encode(t.c(), chars(bytes), C.uint64_t(len(bytes)), (*C.skein_token)(b), n, count, e)
	})
}

// Decode gives the bytes of tokens. They may end inside a UTF-8 sequence.
func (t *Tokenizer) Decode(tokens []Token) (string, error) {
	defer runtime.KeepAlive(t)
	bytes, err := sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_tokenizer_decode(t.c(), tokenPointer(tokens), C.uint64_t(len(tokens)), (*C.char)(unsafe.Pointer(b)), n, size, e)
	})
	return string(bytes), err
}
