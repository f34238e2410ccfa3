// A format plugin that lives in the test: its directory is given in memory, its data in a file that starts with "FAKE".
#ifndef SKEIN_TESTS_SUPPORT_FAKE_FORMAT_H_
#define SKEIN_TESTS_SUPPORT_FAKE_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/metadata.h"
#include "plugin/registry.h"
#include "skein/plugin.h"
#include "tests/support/serial_host.h"

namespace skein::testing {

struct FakeTensor {
  std::string name;
  uint32_t dtype = SKEIN_DTYPE_F32;
  std::vector<uint64_t> shape;
  std::vector<uint8_t> bytes;     // as they lie in the file
  std::vector<uint64_t> strides;  // empty: packed
  bool by_reader = false;         // has no `data`; goes through tensor_read
};

// The bytes of float32 values.
std::vector<uint8_t> FloatBytes(const std::vector<float>& values);

// A folder that is removed with its contents at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }                               // without a separator at the end
  std::string Write(const std::string& name, const std::string& contents) const;  // gives the path

 private:
  const std::string path_;
};

// A file in the test's folder, removed at the end.
class TempFile {
 public:
  explicit TempFile(const std::string& name);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }
  void Write(const std::string& contents) const;
  std::string Read() const;

 private:
  const std::string path_;
};

// One at a time: the C table has no context to tell two apart.
class FakeFormat {
 public:
  explicit FakeFormat(std::vector<FakeTensor> tensors, std::vector<ContainerText> texts = {});
  ~FakeFormat();
  FakeFormat(const FakeFormat&) = delete;
  FakeFormat& operator=(const FakeFormat&) = delete;

  const std::string& path() const { return file_.path(); }
  std::vector<Plugin<skein_format_table>> plugins() const { return {{"fake", &table}}; }

  // The parts that a test may bend.
  skein_format_table table;
  uint64_t lie_about_offset = 0;    // added to the place that the first tensor claims
  std::string sibling;              // asked for when the file is opened, unless empty
  int32_t sibling_code = SKEIN_OK;  // the code that this gave
  std::string sibling_contents;
  uint64_t num_open = 0;

  // The contents of the file, for use elsewhere: any file that starts with "FAKE" is read as this checkpoint.
  std::string contents() const { return file_.Read(); }

  const std::vector<ContainerText>& texts() const { return texts_; }
  const std::vector<FakeTensor>& tensors() const { return tensors_; }
  const std::vector<uint64_t>& offsets() const { return offsets_; }
  const skein_source* source = nullptr;  // of the last open

 private:
  const std::vector<FakeTensor> tensors_;
  const std::vector<ContainerText> texts_;
  std::vector<uint64_t> offsets_;
  const TempFile file_;
};

}  // namespace skein::testing

#endif  // SKEIN_TESTS_SUPPORT_FAKE_FORMAT_H_
