// The tool's output: data to stdout or a file, everything else to stderr.
#ifndef SKEIN_CLI_OUTPUT_H_
#define SKEIN_CLI_OUTPUT_H_

#include <exception>
#include <span>
#include <string>
#include <string_view>

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
  // Creates or empties the file at `path`; "-" is standard output. Throws Failure that names the path.
  explicit DataWriter(const std::string& path);
  ~DataWriter();
  DataWriter(const DataWriter&) = delete;
  DataWriter& operator=(const DataWriter&) = delete;

  // Writes everything. Throws OutputClosed, or Failure that says where and why.
  void Write(std::string_view bytes);
  // Raw little-endian float32, as the machine has them.
  void Write(std::span<const float> values);
  // Reports failures that the file system found late. Call it after the last Write; nothing may follow.
  void Close();

 private:
  std::string where_;
  int descriptor_;
};

// Writes a file whole or not at all: under another name beside `path`, which it then replaces. Throws Failure that
// names the path.
void WriteWhole(const std::string& path, std::string_view bytes);

// Prints a line to stderr.
void Note(const std::string& line);

}  // namespace skein::cli

#endif  // SKEIN_CLI_OUTPUT_H_
