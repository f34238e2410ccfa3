#include "tests/support/fake_format.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "gtest/gtest.h"
#include "model/tensor.h"

namespace skein::testing {
namespace {

FakeFormat* current = nullptr;

uint32_t Probe(const skein_source* source) {
  return source->size_bytes >= 4 && std::memcmp(source->data, "FAKE", 4) == 0 ? 100 : 0;
}

int32_t Open(const skein_host*, const skein_source* source, void** checkpoint, skein_message* message) {
  current->source = source;
  if (!current->sibling.empty()) {
    const skein_source* sibling = nullptr;
    current->sibling_code = source->open_sibling(source->context, current->sibling.c_str(), &sibling, message);
    if (current->sibling_code != SKEIN_OK) return current->sibling_code;
    current->sibling_contents.assign(reinterpret_cast<const char*>(sibling->data), sibling->size_bytes);
  }
  ++current->num_open;
  *checkpoint = current;
  return SKEIN_OK;
}

void Close(void*) { --current->num_open; }

uint64_t TensorCount(void*) { return current->tensors().size(); }

int32_t TensorInfo(void*, uint64_t index, skein_tensor_info* info, skein_message*) {
  const FakeTensor& tensor = current->tensors()[index];
  info->dtype = tensor.dtype;
  info->name = tensor.name.c_str();
  info->num_dims = static_cast<uint32_t>(tensor.shape.size());
  const std::vector<uint64_t> strides = tensor.strides.empty() ? PackedStrides(tensor.shape) : tensor.strides;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    info->shape[i] = tensor.shape[i];
    info->strides[i] = strides[i];
  }
  if (!tensor.by_reader) {
    // An address as a number, because a lie may point outside the file.
    const uintptr_t address = reinterpret_cast<uintptr_t>(current->source->data) + current->offsets()[index];
    info->data = reinterpret_cast<const void*>(address + (index == 0 ? current->lie_about_offset : 0));
  }
  return SKEIN_OK;
}

int32_t TensorRead(void*, uint64_t index, void* destination, uint64_t size_bytes, skein_message* message) {
  const FakeTensor& tensor = current->tensors()[index];
  if (size_bytes != tensor.bytes.size()) {
    std::snprintf(message->text, sizeof(message->text), "asked for another size");
    return SKEIN_INVALID_ARGUMENT;
  }
  std::memcpy(destination, tensor.bytes.data(), size_bytes);
  return SKEIN_OK;
}

uint64_t MetadataCount(void*) { return current->texts().size(); }

int32_t Metadata(void*, uint64_t index, const char** key, const char** value, uint64_t* value_bytes, skein_message*) {
  const ContainerText& text = current->texts()[index];
  *key = text.key.c_str();
  *value = text.value.data();
  *value_bytes = text.value.size();
  return SKEIN_OK;
}

std::string UniquePath(const std::string& name) {
  static std::atomic<int> counter{0};
  return ::testing::TempDir() + "skein-" + std::to_string(getpid()) + "-" + std::to_string(counter++) + "-" + name;
}

}  // namespace

TempFolder::TempFolder() : path_(UniquePath("folder")) { std::filesystem::create_directory(path_); }

TempFolder::~TempFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string TempFolder::Write(const std::string& name, const std::string& contents) const {
  std::string path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  return path;
}

std::vector<uint8_t> FloatBytes(const std::vector<float>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TempFile::TempFile(const std::string& name) : path_(UniquePath(name)) {}

TempFile::~TempFile() { std::remove(path_.c_str()); }

void TempFile::Write(const std::string& contents) const {
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << contents;
}

std::string TempFile::Read() const {
  std::ostringstream contents;
  contents << std::ifstream(path_, std::ios::binary).rdbuf();
  return contents.str();
}

FakeFormat::FakeFormat(std::vector<FakeTensor> tensors, std::vector<ContainerText> texts)
    : tensors_(std::move(tensors)), texts_(std::move(texts)), file_("model.fake") {
  table = {};
  table.struct_size = sizeof(table);
  table.extensions = ".fake";
  table.probe = Probe;
  table.open = Open;
  table.close = Close;
  table.tensor_count = TensorCount;
  table.tensor_info = TensorInfo;
  table.tensor_read = TensorRead;
  table.metadata_count = MetadataCount;
  table.metadata = Metadata;
  // An odd start, so that nothing is aligned.
  std::string contents = "FAKE!";
  for (const FakeTensor& tensor : tensors_) {
    offsets_.push_back(contents.size());
    if (!tensor.by_reader) contents.append(tensor.bytes.begin(), tensor.bytes.end());
  }
  file_.Write(contents);
  current = this;
}

FakeFormat::~FakeFormat() {
  EXPECT_EQ(num_open, 0u) << "a checkpoint was not closed";
  current = nullptr;
}

}  // namespace skein::testing
