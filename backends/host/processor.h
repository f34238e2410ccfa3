// The name of the processor, for the descriptions of devices.
#ifndef SKEIN_BACKENDS_HOST_PROCESSOR_H_
#define SKEIN_BACKENDS_HOST_PROCESSOR_H_

#include <string>
#include <string_view>

namespace skein::kit {

// Such as "AMD EPYC 9654 96-Core Processor" or "Neoverse-V2", or the kind of processor where it has no name.
std::string ProcessorName();

// The name of an arm64 processor, from the text of /proc/cpuinfo. Its cores may differ: "Cortex-A55 and Cortex-A76".
// "" if the text tells nothing.
std::string ArmProcessorName(std::string_view cpu_info);

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_PROCESSOR_H_
