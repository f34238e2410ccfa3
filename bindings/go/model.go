package skein

// #include <skein/skein.h>
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Model is a loaded model. It never changes, and all of its streams share it.
type Model struct {
	handle  handle
	runtime *Runtime
}

// LoadModel loads a .skein package, a checkpoint, or "synthetic:SHAPE".
func (r *Runtime) LoadModel(ctx context.Context, path string, options Options) (*Model, error) {
	return await(ctx, func() (*Model, error) {
		defer runtime.KeepAlive(r)
		p, err := cString("path", path)
		if err != nil {
			return nil, err
		}
		var m C.skein_model
		err = options.with(ModelOptions, func(options C.skein_options) error {
			return call(func(e *C.skein_error) C.skein_status {
				return C.skein_model_load(r.c(), p, options, &m, e)
			})
		})
		if err != nil {
			return nil, err
		}
		return opened(&Model{handle{valueOf(m)}, r}), nil
	}, func(m *Model) { m.Close() })
}

// Close releases the model. Its streams keep what they need.
func (m *Model) Close() error {
	return m.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_model_release(as[C.skein_model](value), e)
	})
}

func (m *Model) c() C.skein_model { return as[C.skein_model](m.handle.get()) }

// ModelInfo has the dimensions of a model. Letters are those of the RWKV papers.
type ModelInfo struct {
	Name           string
	Generation     uint32 // 7 for RWKV-7
	Variant        uint32 // within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2
	NumLayers      uint32 // L
	DModel         uint32 // C
	DFfn           uint32 // F
	DAtt           uint32 // A, width of the time-mix
	VocabSize      uint32 // V, rows of logits
	NumHeads       uint32 // H
	HeadSize       uint32 // N
	NumParameters  uint64
	WeightsBytes   uint64
	EmbeddingBytes uint64 // the part of WeightsBytes of which a step reads the rows of its tokens only
	NumStateFloats uint64 // of one stream in canonical layout
	HasTokenizer   bool
	EndToken       Token  // end of text
	Device         string // where the layers run, in the form of the option "device"
	Type           string // of the matrices as computed
	ChatTemplate   string // "" if none is known
	TrainedLength  uint64 // tokens of the longest text that it was trained with; 0: unknown
}

// Info gives the dimensions of the model.
func (m *Model) Info() (ModelInfo, error) {
	defer runtime.KeepAlive(m)
	i := C.skein_model_info{struct_size: C.sizeof_skein_model_info}
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_model_get_info(m.c(), &i, e) })
	if err != nil {
		return ModelInfo{}, err
	}
	return ModelInfo{
		Name: textOf(i.name[:]), Generation: uint32(i.generation), Variant: uint32(i.variant),
		NumLayers: uint32(i.num_layers), DModel: uint32(i.d_model), DFfn: uint32(i.d_ffn), DAtt: uint32(i.d_att),
		VocabSize: uint32(i.vocab_size), NumHeads: uint32(i.num_heads), HeadSize: uint32(i.head_size),
		NumParameters: uint64(i.num_parameters), WeightsBytes: uint64(i.weights_bytes),
		EmbeddingBytes: uint64(i.embedding_bytes), NumStateFloats: uint64(i.num_state_floats),
		HasTokenizer: i.has_tokenizer != 0, EndToken: Token(i.end_token), Device: textOf(i.device[:]),
		Type: textOf(i._type[:]), ChatTemplate: textOf(i.chat_template[:]), TrainedLength: uint64(i.trained_length),
	}, nil
}

// ConvertModel converts a model file to a .skein package, or, where out ends in .safetensors, to a
// checkpoint. The file appears whole or not at all.
func (r *Runtime) ConvertModel(ctx context.Context, in, out string, options Options) error {
	return awaitNothing(ctx, func() error {
		defer runtime.KeepAlive(r)
		from, err := cString("input path", in)
		if err != nil {
			return err
		}
		to, err := cString("output path", out)
		if err != nil {
			return err
		}
		return options.with(ConvertOptions, func(options C.skein_options) error {
			return call(func(e *C.skein_error) C.skein_status {
				return C.skein_model_convert(r.c(), from, to, options, e)
			})
		})
	})
}

// DescribeModel describes a model file without loading it on a device, as text or JSON.
func (r *Runtime) DescribeModel(ctx context.Context, path string, options Options) (string, error) {
	return await(ctx, func() (text string, err error) {
		defer runtime.KeepAlive(r)
		p, err := cString("path", path)
		if err != nil {
			return "", err
		}
		err = options.with(DescribeOptions, func(options C.skein_options) error {
			b, err := sized(descriptionBytes, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
				return C.skein_model_describe(r.c(), p, options, (*C.char)(unsafe.Pointer(b)), n, size, e)
			})
			text = string(b)
			return err
		})
		return text, err
	}, nil)
}

// Room for most descriptions, so that the file is read once.
const descriptionBytes = 1 << 16
