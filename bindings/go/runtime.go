package skein

// #include <skein/skein.h>
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Runtime holds plugins, devices, worker threads, log and metrics. It ends with the last value that was
// made from it, whatever is closed first.
type Runtime struct{ handle handle }

// NewRuntime makes a runtime and loads the plugins that it finds.
func NewRuntime(options Options) (*Runtime, error) {
	var r C.skein_runtime
	err := options.with(RuntimeOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_runtime_create(options, &r, e) })
	})
	if err != nil {
		return nil, err
	}
	return opened(&Runtime{handle{valueOf(r)}}), nil
}

// Close releases the handle.
func (r *Runtime) Close() error {
	return r.handle.close(func(value uint64, e *C.skein_error) C.skein_status {
		return C.skein_runtime_release(as[C.skein_runtime](value), e)
	})
}

func (r *Runtime) c() C.skein_runtime { return as[C.skein_runtime](r.handle.get()) }

// LoadPlugin loads one plugin from a file of any name.
func (r *Runtime) LoadPlugin(path string) error {
	defer runtime.KeepAlive(r)
	p, err := cString("path", path)
	if err != nil {
		return err
	}
	return call(func(e *C.skein_error) C.skein_status { return C.skein_runtime_load_plugin(r.c(), p, e) })
}

// PluginKind is what a plugin offers.
type PluginKind uint32

const (
	BackendPlugin   PluginKind = C.SKEIN_PLUGIN_KIND_BACKEND
	FormatPlugin    PluginKind = C.SKEIN_PLUGIN_KIND_FORMAT
	TokenizerPlugin PluginKind = C.SKEIN_PLUGIN_KIND_TOKENIZER
)

// Plugin is one file that the runtime looked at.
type Plugin struct {
	Kind    PluginKind // 0 if it was refused before it named its kind
	Loaded  bool
	ABI     uint32 // the plugin ABI agreed on; 0 if refused
	ID      string
	Version string
	Path    string
	Reason  string // why it was refused, or which of its devices are left out
}

// Plugins lists the files that were looked at, loaded or refused.
func (r *Runtime) Plugins() ([]Plugin, error) {
	defer runtime.KeepAlive(r)
	var count C.uint32_t
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_runtime_plugin_count(r.c(), &count, e) })
	if err != nil {
		return nil, err
	}
	plugins := make([]Plugin, count)
	for i := range plugins {
		info := C.skein_plugin_info{struct_size: C.sizeof_skein_plugin_info}
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_runtime_plugin_info(r.c(), C.uint32_t(i), &info, e)
		})
		if err != nil {
			return nil, err
		}
		plugins[i] = Plugin{
			Kind: PluginKind(info.kind), Loaded: info.loaded != 0, ABI: uint32(info.abi), ID: textOf(info.id[:]),
			Version: textOf(info.version[:]), Path: textOf(info.path[:]), Reason: textOf(info.reason[:]),
		}
	}
	return plugins, nil
}

// Device is one device of a loaded backend.
type Device struct {
	Name        string // what the option "device" takes
	PluginID    string
	Description string
	Threads     uint32
	MemoryBytes uint64 // all that the device has; 0 where unknown
	WeightTypes uint32 // bit 1 << DType for each type of matrix that it computes with
	Generations uint32 // bit 1 << 7 for RWKV-7, and so on
}

// DType is an element type of matrices.
type DType uint32

const (
	F32  DType = C.SKEIN_DTYPE_F32
	F16  DType = C.SKEIN_DTYPE_F16
	BF16 DType = C.SKEIN_DTYPE_BF16
	Q8   DType = C.SKEIN_DTYPE_Q8
	Q4   DType = C.SKEIN_DTYPE_Q4
)

// Devices lists the devices, the best one, which is the default, first.
func (r *Runtime) Devices() ([]Device, error) {
	defer runtime.KeepAlive(r)
	var count C.uint32_t
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_runtime_device_count(r.c(), &count, e) })
	if err != nil {
		return nil, err
	}
	devices := make([]Device, count)
	for i := range devices {
		info := C.skein_device_info{struct_size: C.sizeof_skein_device_info}
		err := call(func(e *C.skein_error) C.skein_status {
			return C.skein_runtime_device_info(r.c(), C.uint32_t(i), &info, e)
		})
		if err != nil {
			return nil, err
		}
		devices[i] = Device{
			Name: textOf(info.name[:]), PluginID: textOf(info.plugin_id[:]), Description: textOf(info.description[:]),
			Threads: uint32(info.threads), MemoryBytes: uint64(info.memory_bytes),
			WeightTypes: uint32(info.weight_types), Generations: uint32(info.generations),
		}
	}
	return devices, nil
}

// Severity is the weight of a log line.
type Severity uint32

const (
	LogDebug   Severity = C.SKEIN_LOG_DEBUG
	LogInfo    Severity = C.SKEIN_LOG_INFO
	LogWarning Severity = C.SKEIN_LOG_WARNING
	LogError   Severity = C.SKEIN_LOG_ERROR
)

// LogLine is one line of the library's log, without a newline.
type LogLine struct {
	Severity Severity
	Text     string
}

const maxLogLineBytes = 4096

// PollLog takes the oldest line of the log. ok is false if none is waiting.
func (r *Runtime) PollLog() (line LogLine, ok bool, err error) {
	defer runtime.KeepAlive(r)
	var severity C.uint32_t
	text, err := sized(maxLogLineBytes, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_runtime_poll_log(r.c(), (*C.char)(unsafe.Pointer(b)), n, size, &severity, e)
	})
	if errors.Is(err, NotFound) {
		return LogLine{}, false, nil
	}
	if err != nil {
		return LogLine{}, false, err
	}
	return LogLine{Severity(severity), string(text)}, true, nil
}

// Metrics gives counters, gauges and histograms in the Prometheus exposition format.
func (r *Runtime) Metrics() (string, error) {
	defer runtime.KeepAlive(r)
	text, err := sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
		return C.skein_runtime_metrics(r.c(), (*C.char)(unsafe.Pointer(b)), n, size, e)
	})
	return string(text), err
}

// Progress is how far the runtime's long work is: a load, a conversion or a check.
type Progress struct {
	Active     bool
	DoneBytes  uint64
	TotalBytes uint64
	What       string // such as "loading"
}

// Progress may be asked for while another goroutine loads a model.
func (r *Runtime) Progress() (Progress, error) {
	defer runtime.KeepAlive(r)
	p := C.skein_progress{struct_size: C.sizeof_skein_progress}
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_runtime_progress(r.c(), &p, e) })
	if err != nil {
		return Progress{}, err
	}
	return Progress{p.active != 0, uint64(p.done_bytes), uint64(p.total_bytes), textOf(p.what[:])}, nil
}
