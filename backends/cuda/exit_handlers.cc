// The end of the process. CUDA's runtime is a part of the plugin. It registers a handler that takes it down within
// exit(), whatever other threads do, and a call that the handler meets crashes: a model that is being loaded, say. No
// order of handlers of our own is safe, because the runtime registers its own within its first call.
//
// So the runtime's atexit is this one, which registers nothing. The plugin is never unloaded (its link flag nodelete),
// and what a device holds of the process goes with the process.
#include <cstdlib>

extern "C" int atexit(void (*)()) noexcept { return 0; }
