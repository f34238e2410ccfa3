// The end of a folder with files of states.
#ifndef SKEIN_TESTS_SUPPORT_REMOVE_FOLDER_H_
#define SKEIN_TESTS_SUPPORT_REMOVE_FOLDER_H_

#include <filesystem>
#include <string>
#include <system_error>

namespace skein::test {

// Removes a folder with what is in it, if it is there. An engine that has just been released may be removing its file
// of states at the same time.
inline void RemoveFolder(const std::string& path) {
  std::error_code ignored;
  while (std::filesystem::exists(path, ignored)) std::filesystem::remove_all(path, ignored);
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_REMOVE_FOLDER_H_
