// Columns of text, aligned, and the figures in them.
#ifndef SKEIN_CLI_TABLE_H_
#define SKEIN_CLI_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

// Each row has as many cells as `rows[0]`, the heading. The last column is not padded.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// What has a description, such as an option.
struct Described {
  std::string name;
  std::string description;
};

// A column of names and one of their descriptions, in lines of at most 80 columns as far as words allow. A description
// goes on below itself. It begins below a name that is too long for the first column.
std::string FormatDescriptions(const std::vector<Described>& rows);

// `text` in lines of at most `width` columns as far as words allow. All lines but the first begin with `indent` spaces.
std::string WrapText(std::string_view text, size_t width, size_t indent);

// `value` with `decimals` digits after the point, whatever the locale.
std::string FormatNumber(double value, int decimals);

// In binary units with one decimal, such as "3.5 MiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace skein::cli

#endif  // SKEIN_CLI_TABLE_H_
