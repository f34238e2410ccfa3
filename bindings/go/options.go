package skein

// #include <skein/skein.h>
import "C"

import (
	"reflect"
	"sort"
)

// Options are named values for one call: integers, floats, strings, and booleans for keys that are 0 or
// 1. OptionKeys lists the keys that a call knows; the headers of the ABI describe them. A key that the
// call does not know, a value of another type and one out of range are InvalidArgument.
type Options map[string]any

// OptionKind names the call that takes a set of options.
type OptionKind uint32

const (
	RuntimeOptions   OptionKind = C.SKEIN_OPTIONS_RUNTIME   // NewRuntime
	ModelOptions     OptionKind = C.SKEIN_OPTIONS_MODEL     // Runtime.LoadModel
	ConvertOptions   OptionKind = C.SKEIN_OPTIONS_CONVERT   // Runtime.ConvertModel
	DescribeOptions  OptionKind = C.SKEIN_OPTIONS_DESCRIBE  // Runtime.DescribeModel, DescribeSnapshot
	TokenizerOptions OptionKind = C.SKEIN_OPTIONS_TOKENIZER // Runtime.LoadTokenizer
	StreamOptions    OptionKind = C.SKEIN_OPTIONS_STREAM    // Model.NewStream, Prefix.NewStream
	QueueOptions     OptionKind = C.SKEIN_OPTIONS_QUEUE     // Runtime.NewQueue
	RequestOptions   OptionKind = C.SKEIN_OPTIONS_REQUEST   // Request.SetOptions, Stream.Generate
	ChatOptions      OptionKind = C.SKEIN_OPTIONS_CHAT      // Model.ChatPrompt, Request.SetChat
	TenantOptions    OptionKind = C.SKEIN_OPTIONS_TENANT    // Model.SetTenant
)

// OptionType is the type of an option's value.
type OptionType uint32

const (
	IntegerOption OptionType = C.SKEIN_OPTION_I64
	FloatOption   OptionType = C.SKEIN_OPTION_F64
	StringOption  OptionType = C.SKEIN_OPTION_STR
)

// OptionInfo describes one key of a kind.
type OptionInfo struct {
	Key      string
	Type     OptionType
	Default  string  // as text; "" where it depends on the model or the machine
	Help     string  // meaning, unit, range
	Min, Max float64 // of numbers
}

// OptionKeys lists the keys of a kind.
func OptionKeys(kind OptionKind) ([]OptionInfo, error) {
	var count C.uint32_t
	err := call(func(e *C.skein_error) C.skein_status {
		return C.skein_options_key_count(C.uint32_t(kind), &count, e)
	})
	if err != nil {
		return nil, err
	}
	keys := make([]OptionInfo, count)
	for i := range keys {
		info := C.skein_option_info{struct_size: C.sizeof_skein_option_info}
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_options_key_info(C.uint32_t(kind), C.uint32_t(i), &info, e)
		})
		if err != nil {
			return nil, err
		}
		keys[i] = OptionInfo{
			Key: textOf(info.key[:]), Type: OptionType(info._type), Default: textOf(info.default_value[:]),
			Help: textOf(info.help[:]), Min: float64(info.min_value), Max: float64(info.max_value),
		}
	}
	return keys, nil
}

// with passes the options to f as the library's own object. No options at all are NULL.
func (o Options) with(kind OptionKind, f func(options C.skein_options) error) error {
	if len(o) == 0 {
		return f(nil)
	}
	return o.made(kind, f)
}

// made is with, for calls that need an object also without options.
func (o Options) made(kind OptionKind, f func(options C.skein_options) error) error {
	var options C.skein_options
	err := call(func(e *C.skein_error) C.skein_status {
		return C.skein_options_create(C.uint32_t(kind), &options, e)
	})
	if err != nil {
		return err
	}
	defer C.skein_options_release(options, nil)
	keys := make([]string, 0, len(o))
	for key := range o {
		keys = append(keys, key)
	}
	sort.Strings(keys) // of several that are wrong, the same one is refused every time
	for _, key := range keys {
		if err := setOption(options, key, o[key]); err != nil {
			return err
		}
	}
	return f(options)
}

func setOption(options C.skein_options, key string, value any) error {
	k, err := cString("options: key", key)
	if err != nil {
		return err
	}
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.String:
		text, err := cString("option "+key, v.String())
		if err != nil {
			return err
		}
		return call(func(e *C.skein_error) C.skein_status { return C.skein_options_set_str(options, k, text, e) })
	case v.Kind() == reflect.Bool:
		number := C.int64_t(0)
		if v.Bool() {
			number = 1
		}
		return call(func(e *C.skein_error) C.skein_status { return C.skein_options_set_i64(options, k, number, e) })
	case v.IsValid() && v.CanInt():
		number := C.int64_t(v.Int())
		return call(func(e *C.skein_error) C.skein_status { return C.skein_options_set_i64(options, k, number, e) })
	case v.IsValid() && v.CanUint() && v.Uint() <= 1<<63-1:
		number := C.int64_t(v.Uint())
		return call(func(e *C.skein_error) C.skein_status { return C.skein_options_set_i64(options, k, number, e) })
	case v.IsValid() && v.CanFloat():
		number := C.double(v.Float())
		return call(func(e *C.skein_error) C.skein_status { return C.skein_options_set_f64(options, k, number, e) })
	}
	return invalidArgument("option %s: %v of type %T; expected an integer, a float, a string or a bool", key, value, value)
}
