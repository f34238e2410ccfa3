// The files that the documents of the project name: links, paths in code marks, and the files in brackets by which a
// document says where the code of a sentence is. The options of commands are left out.
#ifndef SKEIN_TESTS_TREE_DOCUMENTS_H_
#define SKEIN_TESTS_TREE_DOCUMENTS_H_

#include <filesystem>
#include <string>
#include <vector>

namespace skein::tree {

// The content of a file.
std::string TextOf(const std::filesystem::path& path);

// The .md files under `root`, built and fetched folders left out.
std::vector<std::filesystem::path> Documents(const std::filesystem::path& root);

// The links of a document to files that are not there, as they are written. Links to other machines are left out.
std::vector<std::string> BrokenLinks(const std::filesystem::path& document);

// The paths from `root` in the code marks of a document that are not there. Braces and * are understood as in a shell,
// rwkvN is any generation, and a test may be named without its .cc.
std::vector<std::string> MissingPaths(const std::filesystem::path& root, const std::filesystem::path& document);

// The sources in brackets, such as [engine/job.h], that are in none of `folders`.
std::vector<std::string> MissingSources(const std::vector<std::filesystem::path>& folders,
                                        const std::filesystem::path& document);

}  // namespace skein::tree

#endif  // SKEIN_TESTS_TREE_DOCUMENTS_H_
