// skein state: texts that a model has read, as files that streams begin with.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "commands.h"
#include "input.h"
#include "orderly_end.h"
#include "output.h"
#include "session.h"
#include "table.h"

namespace skein::cli {
namespace {

// Only these make sense for a subcommand; the others of the command are for another one.
void RefuseOthers(const Arguments& arguments, const std::string& subcommand, const std::vector<std::string>& own) {
  for (const Option& option : arguments.command().options) {
    if (!arguments.Has(option.name)) continue;
    if (std::find(own.begin(), own.end(), option.name) == own.end()) {
      throw UsageError("state " + subcommand + ": --" + std::string(option.name) + " is not for it");
    }
  }
}

// --- make ---

struct PrefixText {
  std::string text;
  std::string provenance;
};

PrefixText ReadText(const Arguments& arguments, const std::vector<std::string>& operands) {
  const std::optional<std::string> file = arguments.Text("file");
  if (operands.size() != (file ? 0 : 1)) {
    throw UsageError("state make: expected one text or -f FILE, found " +
                     (operands.empty() ? "neither"
                      : file           ? "both"
                                       : std::to_string(operands.size()) + " texts"));
  }
  const std::string provenance = file ? *file == "-" ? "standard input" : "file " + *file : "command line";
  return {file ? ReadInput(*file) : operands[0], arguments.Text("provenance").value_or(provenance)};
}

// A stream that has read the text.
Stream ReadBy(const Model& model, const std::string& text) {
  const std::vector<Token> tokens = model.GetTokenizer().Encode(text);
  if (tokens.empty()) throw Failure("state make: the text is empty");
  Stream stream(model);
  Eval(model, stream, tokens, SKEIN_OUTPUT_NONE);
  return stream;
}

int MakePrefix(const Arguments& arguments, const std::vector<std::string>& operands) {
  const std::optional<std::string> out = OutputPath(arguments, "out");
  if (!out) throw UsageError("state make: expected -o FILE");
  ModelPath(arguments);  // wrong usage is told before standard input is read
  if (!arguments.Has("overwrite") && std::filesystem::exists(*out)) {
    throw Failure(*out + " exists; --overwrite replaces it");  // before the model is loaded
  }
  const PrefixText text = ReadText(arguments, operands);
  const OrderlyEnd end;
  const Session session(arguments);
  const Model model = session.LoadModel(arguments);
  const Stream stream = ReadBy(model, text.text);
  const Prefix prefix(stream, arguments.Text("name").value_or(""), text.provenance);
  prefix.Save(*out, arguments.Has("overwrite") ? SKEIN_SAVE_REPLACE : 0u);
  const skein_prefix_info info = prefix.Info();
  Note("skein: wrote " + *out + ": " + std::to_string(info.position) + " tokens, " + FormatBytes(info.file_bytes));
  return 0;
}

// --- list and inspect ---

// The files that are named, and those in folders that are named.
std::vector<std::string> FilesOf(const std::vector<std::string>& operands) {
  std::vector<std::string> files;
  for (const std::string& operand : operands) {
    if (!std::filesystem::is_directory(operand)) {
      files.push_back(operand);
      continue;
    }
    std::vector<std::string> inside;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(operand, error)) {
      if (entry.is_regular_file(error)) inside.push_back(entry.path().string());
    }
    if (inside.empty() && error) throw Failure(operand + ": cannot read the folder: " + error.message());
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

// A file that is no snapshot is an error if it was named, and passed over in a folder.
int List(const Arguments& arguments, const std::vector<std::string>& operands) {
  if (operands.empty()) throw UsageError("state list: expected files or folders");
  auto all = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows = {{"FILE", "KIND", "NAME", "TOKENS", "SIZE", "MODEL"}};
  int exit_code = 0;
  for (const std::string& path : FilesOf(operands)) {
    const bool is_named = std::find(operands.begin(), operands.end(), path) != operands.end();
    try {
      const auto json = nlohmann::ordered_json::parse(DescribeSnapshot(path, {{"format", "json"}}));
      rows.push_back({path, json["kind"], json["name"], std::to_string(json["position"].get<uint64_t>()),
                      FormatBytes(json["file_bytes"].get<uint64_t>()),
                      json["source_fingerprint"].get<std::string>().substr(0, 8)});
      all.push_back(json);
    } catch (const Error& failure) {
      if (!is_named) continue;
      Note(std::string("skein: ") + failure.what());
      exit_code = 1;
    }
  }
  DataWriter().Write(arguments.Has("json") ? all.dump(2) + "\n" : FormatTable(rows));
  return exit_code;
}

int Inspect(const Arguments& arguments, const std::vector<std::string>& operands) {
  if (operands.size() != 1) throw UsageError("state inspect: expected a file");
  DataWriter().Write(DescribeSnapshot(operands[0], {{"format", arguments.Has("json") ? "json" : "text"}}));
  return 0;
}

int Run(const Arguments& arguments) {
  if (arguments.operands().empty()) throw UsageError("state: expected make, list or inspect");
  const std::string subcommand = arguments.operands()[0];
  const std::vector<std::string> operands(arguments.operands().begin() + 1, arguments.operands().end());
  if (subcommand == "make") {
    if (arguments.Has("json")) throw UsageError("state make: --json is not for it");
    return MakePrefix(arguments, operands);
  }
  if (subcommand == "list" || subcommand == "inspect") {
    RefuseOthers(arguments, subcommand, {"json"});
    return subcommand == "list" ? List(arguments, operands) : Inspect(arguments, operands);
  }
  throw UsageError("state: expected make, list or inspect, found " + subcommand +
                   Hint(subcommand, {"make", "list", "inspect"}));
}

}  // namespace

Command StateCommand() {
  return {
      .name = "state",
      .synopsis = "make -m MODEL -o FILE (TEXT | -f FILE) | list (FILE | FOLDER)... | inspect FILE",
      .summary = "read a text once and keep the state, which run, chat and score begin with by --prefix",
      .max_operands = 4096,
      .options = WithModelOptions({
          {.name = "out", .letter = 'o', .takes = Takes::kText, .value = "FILE", .help = "make: the file to write"},
          {.name = "file",
           .letter = 'f',
           .takes = Takes::kText,
           .value = "FILE",
           .help = "make: read the text from a file; - is stdin"},
          {.name = "name", .takes = Takes::kText, .value = "NAME", .help = "make: recorded in the file"},
          {.name = "provenance",
           .takes = Takes::kText,
           .value = "TEXT",
           .help = "make: where the text comes from, recorded in the file (default: the name of its file)"},
          {.name = "overwrite", .help = "make: replace the file if it exists"},
          {.name = "json", .help = "list, inspect: as JSON"},
      }),
      .run = Run,
  };
}

}  // namespace skein::cli
