// A program that runs with more rights than its caller does not take code or choices from the caller's environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace skein {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr uid_t kNobodysId = 65534;

enum class User { kSelf, kNobody };

class SetUserIdTest : public testing::Test {
 protected:
  SetUserIdTest() {
    std::string name = testing::TempDir() + "skein-suid-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    folder_ = name;
    chmod(folder_.c_str(), 0755);
    fs::copy_file(SKEIN_SET_USER_ID_HOST, folder_ / "host");
    // Any plugin will do: what counts is whether the folder is looked at.
    fs::create_directory(folder_ / "plugins");
    fs::copy_file(std::string(SKEIN_PLUGIN_DIR) + "/format-pth.so", folder_ / "plugins" / "format-pth.so");
    setenv("SKEIN_PLUGIN_PATH", (folder_ / "plugins").c_str(), 1);
    setenv("SKEIN_CPU", "generic", 1);
  }
  ~SetUserIdTest() override {
    unsetenv("SKEIN_PLUGIN_PATH");
    unsetenv("SKEIN_CPU");
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  // The output of the host, started by `user`.
  std::string Run(User user) const {
    const std::string out = folder_ / "out";
    fs::remove(out);
    const pid_t process = fork();
    if (process == 0) {
      if (std::freopen(out.c_str(), "w", stdout) == nullptr) _exit(97);
      if (user == User::kNobody &&
          (setresgid(kNobodysId, kNobodysId, kNobodysId) != 0 || setresuid(kNobodysId, kNobodysId, kNobodysId)))
        _exit(98);
      const std::string host = folder_ / "host";
      execl(host.c_str(), host.c_str(), nullptr);
      _exit(99);
    }
    int status = 0;
    EXPECT_EQ(waitpid(process, &status, 0), process);
    EXPECT_EQ(status, 0);
    std::ifstream file(out);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

TEST_F(SetUserIdTest, AnOrdinaryHostReadsTheEnvironment) {
  const std::string found = Run(User::kSelf);
  EXPECT_THAT(found, HasSubstr("secure 0"));
  EXPECT_THAT(found, HasSubstr("plugin " + (folder_ / "plugins").string()));
  EXPECT_THAT(found, HasSubstr("tier generic; oneDNN")) << "or there is no device cpu";
}

TEST_F(SetUserIdTest, ASetUserIdHostDoesNot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs the right to make a set-user-id program";
  ASSERT_EQ(chmod((folder_ / "host").c_str(), 04755), 0);
  const std::string found = Run(User::kNobody);
  if (found.find("secure 1") == std::string::npos)
    GTEST_SKIP() << "the folder of the tests has no set-user-id programs";
  EXPECT_THAT(found, Not(HasSubstr(folder_.string())));
  EXPECT_THAT(found, HasSubstr("device reference: "));
  EXPECT_THAT(found, HasSubstr(std::string("plugin ") + SKEIN_PLUGIN_DIR));
}

}  // namespace
}  // namespace skein
