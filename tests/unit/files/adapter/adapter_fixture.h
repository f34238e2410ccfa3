// A tiny RWKV-7 model, and adapters of it in the fake format.
#ifndef SKEIN_TESTS_UNIT_FILES_ADAPTER_ADAPTER_FIXTURE_H_
#define SKEIN_TESTS_UNIT_FILES_ADAPTER_ADAPTER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "files/adapter/adapter.h"
#include "files/convert.h"
#include "files/open.h"
#include "skein/backend.h"
#include "tests/support/fake_format.h"
#include "tests/support/serial_host.h"
#include "tests/support/tiny_model.h"

namespace skein::testing {

inline constexpr size_t kC = 8, kF = 12, kV = 5;  // of TinyConfig

inline FakeTensor Tensor(const std::string& name, std::vector<uint64_t> shape, const std::vector<float>& values) {
  return {name, SKEIN_DTYPE_F32, std::move(shape), FloatBytes(values), {}, false};
}

inline std::vector<float> Ramp(size_t size, float step) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<float>(i + 1) * step;
  return values;
}

// The values of a tensor of the tiny model in the checkpoint.
inline std::vector<float> Original(const std::string& name) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  return Floats(Find(tensors, name));
}

class AdapterTest : public ::testing::Test {
 protected:
  // A package, because only one file at a time can be of the fake format.
  AdapterTest() {
    const FakeFormat checkpoint(TinyBlinkDl());
    const auto model = OpenModelFile(checkpoint.plugins(), SerialHost(), checkpoint.path(), FileAccess::kMap);
    EXPECT_TRUE(model.ok()) << model.status();
    ConvertOptions options;
    options.overwrite = true;
    EXPECT_TRUE(Convert(**model, package_.path(), options, nullptr).ok());
  }

  std::unique_ptr<ModelFile> OpenBase() const {
    auto base =
        OpenModelFile(absl::Span<const Plugin<skein_format_table>>(), SerialHost(), package_.path(), FileAccess::kMap);
    EXPECT_TRUE(base.ok()) << base.status();
    return *std::move(base);
  }

  // `texts` is the metadata of the adapter's container.
  absl::StatusOr<std::unique_ptr<ModelFile>> Adapt(std::vector<FakeTensor> tensors, std::optional<double> scale = 1,
                                                   std::vector<ContainerText> texts = {}) {
    adapter_.reset();
    adapter_ = std::make_unique<FakeFormat>(std::move(tensors), std::move(texts));
    return Merge({{adapter_->path(), scale}});
  }

  // The adapter with PEFT's settings beside it, in a folder that is given as the adapter.
  absl::StatusOr<std::unique_ptr<ModelFile>> AdaptByConfig(std::vector<FakeTensor> tensors, const std::string& config,
                                                           std::optional<double> scale = {}) {
    adapter_.reset();
    adapter_ = std::make_unique<FakeFormat>(std::move(tensors));
    folder_.Write("adapter_model.safetensors", adapter_->contents());
    folder_.Write("adapter_config.json", config);
    return Merge({{folder_.path(), scale}});
  }

  absl::StatusOr<std::unique_ptr<ModelFile>> Merge(const std::vector<AdapterSource>& adapters) const {
    ModelChanges changes;
    changes.adapters = adapters;
    return OpenModelFile(adapter_->plugins(), log_.host(), package_.path(), FileAccess::kMap, changes);
  }

  // Expects a refusal and gives its message.
  std::string Refusal(std::vector<FakeTensor> tensors) {
    const auto model = Adapt(std::move(tensors));
    EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
    return std::string(model.status().message());
  }

  static size_t IndexOf(const ModelFile& model, uint32_t role, uint32_t layer) {
    size_t index = 0;
    while (model.tensors()[index].role != role || model.tensors()[index].layer != layer) ++index;
    return index;
  }

  static std::vector<float> Values(const ModelFile& model, uint32_t role, uint32_t layer) {
    std::vector<uint8_t> buffer;
    const auto data = model.ReadTensor(IndexOf(model, role, layer), SKEIN_DTYPE_F32, buffer);
    EXPECT_TRUE(data.ok()) << data.status();
    std::vector<float> values(data->size_bytes / sizeof(float));
    std::memcpy(values.data(), data->data, data->size_bytes);
    return values;
  }

  const TempFile package_{"adapter_base.skein"};
  const TempFolder folder_;
  std::unique_ptr<FakeFormat> adapter_;
  LoggingHost log_;
};

}  // namespace skein::testing

#endif  // SKEIN_TESTS_UNIT_FILES_ADAPTER_ADAPTER_FIXTURE_H_
