#include "system/whole_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace skein {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
 protected:
  WholeFileTest() {
    std::string name = testing::TempDir() + "skein-whole-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    folder_ = name;
  }
  ~WholeFileTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Put(const std::string& name, const std::string& text) const { std::ofstream(Path(name)) << text; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename().string());
    return names;
  }
  mode_t Mode(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(stat(Path(name).c_str(), &info), 0) << name;
    return info.st_mode & 07777;
  }
  void Replace(const std::string& name, const std::string& text) const {
    WholeFile file(Path(name), IfExists::kReplace);
    file.WriteAt(0, text.data(), text.size());
    file.Commit();
  }

  std::string folder_;
};

// The error of a place that is refused; nothing if it is not.
std::optional<FileError> ErrorOf(const std::string& path, IfExists if_exists) {
  try {
    const WholeFile file(path, if_exists);
    return std::nullopt;
  } catch (const FileError& error) {
    return error;
  }
}

TEST_F(WholeFileTest, ItAppearsWhenItIsCommitted) {
  WholeFile file(Path("out"), IfExists::kFail);
  file.WriteAt(4, "world", 5);
  file.WriteAt(0, "all ", 4);
  EXPECT_EQ(Read("out"), "");
  EXPECT_FALSE(fs::exists(Path("out")));
  file.Commit();
  EXPECT_EQ(Read("out"), "all world");
  EXPECT_THAT(Names(), UnorderedElementsAre("out"));
}

TEST_F(WholeFileTest, WhereTheSystemCanItHasNoNameUntilThen) {
  const int nameless = open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (nameless < 0) GTEST_SKIP() << "the file system has no files without names";
  close(nameless);
  const WholeFile file(Path("out"), IfExists::kReplace);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(WholeFileTest, WithoutACommitNothingChanges) {
  Put("old", "old");
  {
    WholeFile made(Path("new"), IfExists::kFail);
    made.WriteAt(0, "x", 1);
    WholeFile replaced(Path("old"), IfExists::kReplace);
    replaced.WriteAt(0, "x", 1);
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("old"));
  EXPECT_EQ(Read("old"), "old");
}

TEST_F(WholeFileTest, AFileThatExistsOrAppearsIsNotReplacedUnlessAsked) {
  Put("there", "old");
  EXPECT_EQ(ErrorOf(Path("there"), IfExists::kFail)->number(), EEXIST);
  WholeFile file(Path("late"), IfExists::kFail);
  file.WriteAt(0, "new", 3);
  Put("late", "other");
  try {
    file.Commit();
    ADD_FAILURE() << "replaced";
  } catch (const FileError& error) {
    EXPECT_EQ(error.number(), EEXIST);
  }
  EXPECT_EQ(Read("late"), "other");
}

TEST_F(WholeFileTest, ANewFileHasTheModeOfTheUmask) {
  const mode_t before = umask(027);
  Replace("out", "x");
  umask(before);
  EXPECT_EQ(Mode("out"), 0640u);
}

TEST_F(WholeFileTest, AReplacedFileKeepsItsMode) {
  const mode_t before = umask(022);
  for (const mode_t mode : {0600, 0644, 0666, 0755, 0400}) {
    Put("out", "old");
    ASSERT_EQ(chmod(Path("out").c_str(), mode), 0);
    Replace("out", "new");
    EXPECT_EQ(Mode("out"), mode);
    EXPECT_EQ(Read("out"), "new");
    fs::remove(Path("out"));
  }
  umask(before);
}

TEST_F(WholeFileTest, AReplacedFileKeepsItsOwnerWhereTheProcessMayGiveIt) {
  if (geteuid() != 0) GTEST_SKIP() << "needs the right to give files away";
  Put("out", "old");
  ASSERT_EQ(chown(Path("out").c_str(), 65534, 65534), 0);
  ASSERT_EQ(chmod(Path("out").c_str(), 0640), 0);
  Replace("out", "new");
  struct stat info = {};
  ASSERT_EQ(stat(Path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534u);
  EXPECT_EQ(info.st_gid, 65534u);
  EXPECT_EQ(Mode("out"), 0640u);
}

TEST_F(WholeFileTest, LinksStayAndTheFileBehindThemIsReplaced) {
  fs::create_directory(Path("deep"));
  Put("deep/real", "old");
  ASSERT_EQ(chmod(Path("deep/real").c_str(), 0600), 0);
  fs::create_symlink("deep/middle", Path("link"));
  fs::create_symlink("real", Path("deep/middle"));
  Replace("link", "new");
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_TRUE(fs::is_symlink(Path("deep/middle")));
  EXPECT_FALSE(fs::is_symlink(Path("deep/real")));
  EXPECT_EQ(Read("deep/real"), "new");
  EXPECT_EQ(Mode("deep/real"), 0600u);
}

TEST_F(WholeFileTest, ALinkToNothingLeadsToTheNewFile) {
  fs::create_symlink(Path("real"), Path("link"));
  Replace("link", "new");
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Read("real"), "new");
}

TEST_F(WholeFileTest, LinksInARingAreRefused) {
  fs::create_symlink("b", Path("a"));
  fs::create_symlink("a", Path("b"));
  EXPECT_EQ(ErrorOf(Path("a"), IfExists::kReplace)->number(), ELOOP);
}

TEST_F(WholeFileTest, OtherThingsThanFilesAreRefusedByName) {
  fs::create_directory(Path("folder"));
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  fs::create_symlink("fifo", Path("to-fifo"));
  fs::create_symlink("/dev/null", Path("to-device"));
  const struct {
    std::string path;
    const char* kind;
  } things[] = {{Path("folder"), "a folder"}, {Path("folder/"), "a folder"}, {Path("fifo"), "a FIFO"},
                {Path("to-fifo"), "a FIFO"},  {"/dev/null", "a device"},     {Path("to-device"), "a device"}};
  for (const auto& thing : things) {
    const std::optional<FileError> error = ErrorOf(thing.path, IfExists::kReplace);
    ASSERT_TRUE(error) << thing.path;
    EXPECT_THAT(error->what(), HasSubstr(thing.path + ": is " + thing.kind));
  }
  EXPECT_TRUE(fs::is_fifo(Path("fifo")));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(WholeFileTest, ThePlaceIsCheckedBeforeAnythingIsWritten) {
  EXPECT_THAT(ErrorOf("", IfExists::kReplace)->what(), HasSubstr("expected a path"));
  const std::optional<FileError> error = ErrorOf(Path("none/out"), IfExists::kFail);
  EXPECT_EQ(error->number(), ENOENT);
  EXPECT_THAT(error->what(), HasSubstr(Path("none/out")));
}

TEST_F(WholeFileTest, ANameOfTheGreatestLengthCanBeReplaced) {
  const std::string name(255, 'n');
  Replace(name, "old");
  Replace(name, "new");
  EXPECT_EQ(Read(name), "new");
  EXPECT_THAT(Names(), UnorderedElementsAre(name));
}

}  // namespace
}  // namespace skein
