package skein

// #include <skein/skein.h>
import "C"

import "runtime"

// SetTenant sets the policy of a tenant: its weight, and its bounds. Without options the tenant has the
// defaults again. The name "" is the common tenant.
func (m *Model) SetTenant(name string, options Options) error {
	defer runtime.KeepAlive(m)
	n, err := cString("tenant", name)
	if err != nil {
		return err
	}
	return options.with(TenantOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status { return C.skein_model_set_tenant(m.c(), n, options, e) })
	})
}

// Load is the load of a model or of one of its tenants, and the limits that hold.
type Load struct {
	NumTenants         uint32
	QueuedTokens       uint64 // that wait to be read
	MaxQueuedTokens    uint64 // math.MaxUint64: no bound yet, because no step was measured
	NumWaiting         uint32 // requests and evals that had no step yet
	NumRunning         uint32
	MaxRunning         uint32  // 0: none
	NumStreams         uint32  // of the model
	MaxStreams         uint32  // of the model
	MaxBatchTokens     uint32  // of a step
	Weight             float64 // of the tenant; 0 for the model
	PromptTokensPerSec float64 // that the model reads at present; 0: not measured yet
}

// Load gives the load of the whole model.
func (m *Model) Load() (Load, error) { return m.load(nil) }

// TenantLoad gives the load of one tenant.
func (m *Model) TenantLoad(name string) (Load, error) {
	n, err := cString("tenant", name)
	if err != nil {
		return Load{}, err
	}
	return m.load(n)
}

func (m *Model) load(name *C.char) (Load, error) {
	defer runtime.KeepAlive(m)
	l := C.skein_load{struct_size: C.sizeof_skein_load}
	err := call(func(e *C.skein_error) C.skein_status { return C.skein_model_get_load(m.c(), name, &l, e) })
	if err != nil {
		return Load{}, err
	}
	return Load{
		NumTenants: uint32(l.num_tenants), QueuedTokens: uint64(l.queued_tokens),
		MaxQueuedTokens: uint64(l.max_queued_tokens), NumWaiting: uint32(l.num_waiting), NumRunning: uint32(l.num_running),
		MaxRunning: uint32(l.max_running), NumStreams: uint32(l.num_streams), MaxStreams: uint32(l.max_streams),
		MaxBatchTokens: uint32(l.max_batch_tokens), Weight: float64(l.weight),
		PromptTokensPerSec: float64(l.prompt_tokens_per_s),
	}, nil
}
