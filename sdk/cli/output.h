// The tool's output: data to stdout or a file, everything else to stderr.
#ifndef SKEIN_CLI_OUTPUT_H_
#define SKEIN_CLI_OUTPUT_H_

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "arguments.h"
#include "system/descriptor.h"

namespace skein::cli {

// Stdout has no reader any more (`skein run … | head`): the tool ends quietly with exit code 1.
class OutputClosed : public std::exception {
 public:
  const char* what() const noexcept override { return "standard output is closed"; }
};

// Unbuffered, so that a reader sees each piece of text as it comes.
class DataWriter {
 public:
  // Standard output.
  DataWriter();
  // The file at `path`, which appears whole when it is closed; until then the file that was there stays as it is. A
  // device or a FIFO is written into. "-", and any other name of standard output, is standard output. Throws Error
  // that names the path.
  explicit DataWriter(const std::string& path);
  // Leaves nothing of a file that was not closed. While an OrderlyEnd lives, a signal leaves nothing of it either.
  ~DataWriter();
  DataWriter(const DataWriter&) = delete;
  DataWriter& operator=(const DataWriter&) = delete;

  // Writes everything. Throws OutputClosed, or Failure that says where and why.
  void Write(std::string_view bytes);
  // Raw little-endian float32, as the machine has them.
  void Write(std::span<const float> values);
  // Puts the file in its place, and reports failures that the file system found late. Call it after the last Write;
  // nothing may follow.
  void Close();

 private:
  struct File;

  void OpenFile(const std::string& path);

  std::string where_;
  int descriptor_;              // of stdout, or of device_; not with a file_
  Descriptor device_;           // or a FIFO
  std::unique_ptr<File> file_;  // NULL with stdout and a device
};

// The value of an option that names a file to write; nothing if it was not given. Throws UsageError for an empty name.
std::optional<std::string> OutputPath(const Arguments& arguments, std::string_view option);

// Writes a file whole or not at all. Ends as OrderlyEnd has it. Throws Error that names the path.
void WriteWhole(const std::string& path, std::string_view bytes);

// Prints a line to stderr. What cannot be printed is lost.
void Note(const std::string& line);
// The same without the end of a line.
void PrintError(std::string_view text);

}  // namespace skein::cli

#endif  // SKEIN_CLI_OUTPUT_H_
