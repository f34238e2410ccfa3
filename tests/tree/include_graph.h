// The includes of a source tree as a graph, and the measures on which the project sets limits.
#ifndef SKEIN_TESTS_TREE_INCLUDE_GRAPH_H_
#define SKEIN_TESTS_TREE_INCLUDE_GRAPH_H_

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace skein::tree {

// Names and, for each, the names that it includes.
using Graph = std::map<std::string, std::set<std::string>>;

// The file pairs under `root`, named by path without extension: x.h and x.cc are one. An include that names no file
// under `root` is left out.
Graph ReadIncludes(const std::filesystem::path& root);

// The same graph between the folders directly under the root; files in the root itself are left out.
Graph BetweenFolders(const Graph& pairs);

// The sets of names that reach each other, of at least two, each sorted.
std::vector<std::vector<std::string>> Rings(const Graph& graph);

// The lines of code of each folder directly under `root`, its own folders included.
std::map<std::string, size_t> LinesOfFolders(const std::filesystem::path& root);

// The files under `root` that hold code, generated files and test data left out, with more lines than `limit`, as
// "path: lines".
std::vector<std::string> LongFiles(const std::filesystem::path& root, size_t limit);

// The quoted includes under `root` that name no file, as "path: include". `folders` are those under `root` that
// compilers look into; the folder of the file and the root itself count as well. Generated headers and those of other
// projects are left out, and so are the fixtures of these tests.
std::vector<std::string> MissingIncludes(const std::filesystem::path& root, const std::vector<std::string>& folders);

// The lines of C and C++ files in these folders under `root` in which the regular expression is found, as
// "path:number".
std::vector<std::string> LinesThatMatch(const std::filesystem::path& root, const std::vector<std::string>& folders,
                                        const std::string& expression);

}  // namespace skein::tree

#endif  // SKEIN_TESTS_TREE_INCLUDE_GRAPH_H_
