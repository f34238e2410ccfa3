// Columns of text, aligned.
#ifndef SKEIN_CLI_TABLE_H_
#define SKEIN_CLI_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace skein::cli {

// Each row has as many cells as `rows[0]`, the heading. The last column is not padded.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// `value` with `decimals` digits after the point, whatever the locale.
std::string FormatNumber(double value, int decimals);

// In binary units with one decimal, such as "3.5 MiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace skein::cli

#endif  // SKEIN_CLI_TABLE_H_
