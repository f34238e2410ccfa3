#include <cinttypes>
#include <cstdio>

#include "cuda/check/expect.h"
#include "cuda/check/stages.h"
#include "cuda/check/type_name.h"

namespace skein::check {
namespace {

std::string TypesText(uint32_t bits) {
  std::string text;
  for (uint32_t type = 0; type < 32; ++type) {
    if ((bits >> type & 1) != 0) text += (text.empty() ? "" : ", ") + TypeName(type);
  }
  return text.empty() ? "none" : text;
}

std::string GigabytesText(uint64_t bytes) {
  char text[48];
  std::snprintf(text, sizeof(text), "%.2f GiB", static_cast<double>(bytes) / 0x1p30);
  return text;
}

}  // namespace

void CheckDevice(Run& run) {
  const skein_backend_device info = run.Info();
  Report& report = run.report();
  report.Note(std::string(info.name) + ": " + info.description);
  report.Note("memory " + GigabytesText(info.memory_bytes) + ", plugin " + run.plugin().answer().id + " " +
              run.plugin().answer().version);
  report.Note("weights " + TypesText(info.weight_types) + "; arithmetics " + TypesText(info.compute_types) +
              "; deterministic " + TypesText(info.deterministic_types & (info.compute_types | 1u)));
  report.Add(JsonObject()
                 .Text("name", info.name)
                 .Text("description", info.description)
                 .Number("memory_bytes", static_cast<double>(info.memory_bytes))
                 .Number("weight_types", info.weight_types)
                 .Number("compute_types", info.compute_types)
                 .Number("deterministic_types", info.deterministic_types)
                 .Number("generations", info.generations)
                 .Number("features", info.features));
  run.Case("generations", [&] {
    for (uint32_t generation = 4; generation <= 7; ++generation) {
      Expect((info.generations >> generation & 1) != 0, "generation " + std::to_string(generation), "none");
    }
  });
  run.Case("description", [&] {
    Expect(info.name[0] != '\0', "a name", "an empty one");
    Expect(info.description[0] != '\0', "a description", "an empty one");
  });
}

}  // namespace skein::check
