#include "cuda/algorithm_file.h"

#include <stdlib.h>
#include <unistd.h>

#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace skein::cuda {
namespace {

constexpr char kHeader[] = "skein products 1\n";
// More than all shapes of a hundred models.
constexpr size_t kMostBytes = size_t{4} << 20;

// FNV-1a.
uint64_t ChecksumOf(std::string_view text) {
  uint64_t sum = 0xCBF29CE484222325u;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return sum;
}

std::string Hex(uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016" PRIx64, value);
  return digits;
}

// One line: the shape in decimal, the algorithm in hexadecimal.
bool ParseLine(const std::string& line, Algorithms& algorithms) {
  std::istringstream words(line);
  ProductShape shape = {};
  Algorithm algorithm = {};
  words >> shape.weight_type >> shape.num_outputs >> shape.num_inputs >> shape.num_rows >> std::hex;
  for (uint64_t& word : algorithm) words >> word;
  return !words.fail() && algorithms.emplace(shape, algorithm).second;
}

// A name of a file from any text.
std::string FileNameOf(std::string_view text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  return name;
}

std::string EnvironmentOf(const char* variable) {
  const char* value = secure_getenv(variable);
  return value == nullptr ? "" : value;
}

// Writes a new file beside `path`, under a name of its own, and gives that name; "" if it could not.
std::string WriteBeside(const std::string& path, const std::string& text) {
  std::string name = path + ".XXXXXX";
  const int file = mkstemp(name.data());
  if (file < 0) return "";
  const bool is_written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (close(file) == 0 && is_written) return name;
  unlink(name.c_str());
  return "";
}

}  // namespace

std::string FormatAlgorithms(const Algorithms& algorithms) {
  std::string text = kHeader;
  for (const auto& [shape, algorithm] : algorithms) {
    text += std::to_string(shape.weight_type) + ' ' + std::to_string(shape.num_outputs) + ' ' +
            std::to_string(shape.num_inputs) + ' ' + std::to_string(shape.num_rows);
    for (const uint64_t word : algorithm) text += ' ' + Hex(word);
    text += '\n';
  }
  return text + Hex(ChecksumOf(text)) + '\n';
}

std::optional<Algorithms> ParseAlgorithms(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line, next;
  if (!std::getline(lines, line) || !std::getline(lines, line)) return std::nullopt;
  Algorithms algorithms;
  // The last line is the checksum.
  for (; std::getline(lines, next); line = next) {
    if (!ParseLine(line, algorithms)) return std::nullopt;
  }
  if (FormatAlgorithms(algorithms) != text) return std::nullopt;
  return algorithms;
}

std::string AlgorithmFilePath(std::string_view card, uint64_t library_version) {
  std::string folder = EnvironmentOf("XDG_CACHE_HOME");
  // As the specification of the variable has it, a relative path is as good as none.
  if (folder.empty() || folder[0] != '/') {
    const std::string home = EnvironmentOf("HOME");
    if (home.empty()) return "";
    folder = home + "/.cache";
  }
  return folder + "/skein/cublaslt-" + FileNameOf(card) + '-' + std::to_string(library_version) + ".txt";
}

Algorithms ReadAlgorithmFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  if (std::filesystem::file_size(path, error) > kMostBytes || error) return {};
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseAlgorithms(text).value_or(Algorithms());
}

bool AddToAlgorithmFile(const std::string& path, const Algorithms& algorithms) {
  if (path.empty()) return false;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return false;
  Algorithms all = algorithms;
  all.merge(ReadAlgorithmFile(path));
  const std::string name = WriteBeside(path, FormatAlgorithms(all));
  if (name.empty()) return false;
  if (std::rename(name.c_str(), path.c_str()) == 0) return true;
  unlink(name.c_str());
  return false;
}

}  // namespace skein::cuda
