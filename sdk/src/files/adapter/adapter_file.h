// Where an adapter lies: a file, or the folder that PEFT's save_pretrained writes.
#ifndef SKEIN_FILES_ADAPTER_ADAPTER_FILE_H_
#define SKEIN_FILES_ADAPTER_ADAPTER_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/checkpoint/checkpoint.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// The settings of an adapter, beside its file.
inline constexpr const char* kAdapterConfigName = "adapter_config.json";

// Opens the adapter at `path`. In a folder that is adapter_model.safetensors or adapter_model.bin, in this order, or
// else the only file with the extension of one of `formats`. `host` must outlive the result. NOT_FOUND: there is no
// such file; names what was looked for. And the codes of Checkpoint::Open.
absl::StatusOr<std::unique_ptr<Checkpoint>> OpenAdapter(absl::Span<const Plugin<skein_format_table>> formats,
                                                        const skein_host& host, const std::string& path,
                                                        FileAccess access);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_ADAPTER_FILE_H_
