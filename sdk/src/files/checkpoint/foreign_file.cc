#include "files/checkpoint/foreign_file.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"

namespace skein {
namespace {

constexpr size_t kLookedAt = 1024;
constexpr size_t kShown = 60;

absl::string_view Start(absl::Span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLookedAt)};
}

// Without a byte order mark and white space in front.
absl::string_view StartOfText(absl::Span<const uint8_t> bytes) {
  absl::string_view text = Start(bytes);
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  return absl::StripLeadingAsciiWhitespace(text);
}

// --- stand-ins ---

constexpr absl::string_view kLfsStart = "version https://git-lfs.github.com/spec/";

// " of 123 bytes", or nothing if the pointer does not say.
std::string LfsSize(absl::string_view pointer) {
  for (absl::string_view line : absl::StrSplit(pointer, '\n')) {
    uint64_t size = 0;
    if (absl::ConsumePrefix(&line, "size ") && absl::SimpleAtoi(line, &size)) {
      return absl::StrCat(" of ", size, " bytes");
    }
  }
  return "";
}

constexpr absl::string_view kHtmlStarts[] = {"<!doctype html", "<html", "<head", "<body", "<script"};

std::string StandIn(absl::Span<const uint8_t> bytes) {
  const absl::string_view text = StartOfText(bytes);
  if (absl::StartsWith(text, kLfsStart)) {
    return absl::StrCat("is a Git LFS pointer to a file", LfsSize(text),
                        " that was not downloaded; get it with \"git lfs pull\"");
  }
  const bool is_html = std::any_of(std::begin(kHtmlStarts), std::end(kHtmlStarts),
                                   [&](absl::string_view start) { return absl::StartsWithIgnoreCase(text, start); });
  if (is_html) return "is a page of HTML, as a server sends in place of a file; download the file itself";
  if (absl::StartsWith(text, "<?xml") || absl::StartsWith(text, "<Error>")) {
    return "is a text of XML, as a server sends with an error; download the file itself";
  }
  return "";
}

// --- kinds ---

struct Magic {
  size_t offset;
  absl::string_view bytes;
  const char* kind;
};

constexpr const char* kUnpack = ", which is to be unpacked first";

constexpr Magic kArchives[] = {
    {0, "\x1f\x8b", "a gzip archive"},
    {0, "BZh", "a bzip2 archive"},
    {0, absl::string_view("\xfd\x37zXZ\0", 6), "an xz archive"},
    {0, "\x28\xb5\x2f\xfd", "a zstd archive"},
    {0, "\x04\x22\x4d\x18", "an lz4 archive"},
    {0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
    {0, "Rar!\x1a\x07", "a RAR archive"},
    {0, "PK\x03\x04", "a zip archive"},
};

constexpr Magic kMagics[] = {
    {0, "SKEINSNP", "a snapshot of a stream, or a prefix, which a model begins with and is not made of"},
    {0, "PK\x05\x06", "an empty zip archive"},
    {0, "\x80\x02", "a Python pickle that torch.save did not write"},
    {0, "\x80\x03", "a Python pickle that torch.save did not write"},
    {0, "\x80\x04", "a Python pickle that torch.save did not write"},
    {0, "\x80\x05", "a Python pickle that torch.save did not write"},
    {0, "\x93NUMPY", "a NumPy array (.npy)"},
    {0, "\x89HDF\r\n", "an HDF5 file, as Keras writes it"},
    {0, "lmgg", "a GGML file without a version, of an early llama.cpp or rwkv.cpp"},
    {0, "tjgg", "a GGJT file, of llama.cpp before GGUF"},
    {0, "algg", "a GGLA file, an adapter of llama.cpp before GGUF"},
    {4, "TFL3", "a TensorFlow Lite model"},
    {0,
     "\x7f"
     "ELF",
     "a program or library (ELF)"},
    {0, "MZ", "a program of Windows"},
    {0, "%PDF", "a PDF document"},
    {0, "\x89PNG", "a PNG image"},
    {0, "\xff\xd8\xff", "a JPEG image"},
    {0, "GIF8", "a GIF image"},
};

bool Has(absl::string_view start, const Magic& magic) {
  return start.size() >= magic.offset && absl::StartsWith(start.substr(magic.offset), magic.bytes);
}

// A zip file begins with the name of its first member, and torch.save writes its pickle first, in a folder.
bool IsZipOfPyTorch(absl::string_view start) {
  constexpr size_t kNameOffset = 30;
  return absl::StartsWith(start, "PK\x03\x04") && start.size() > kNameOffset &&
         absl::StrContains(start.substr(kNameOffset), "/data.pkl");
}

// The names that PyTorch gave the files of its first format.
constexpr const char* kTarMembers[] = {"sys_info", "pickle", "tensors", "storages"};

// A tar file has the name of its first member in front, and its own at byte 257. Early ones lack that.
std::string TarKind(absl::string_view start) {
  constexpr size_t kMagicOffset = 257;
  constexpr size_t kNameBytes = 100;
  if (start.size() < kMagicOffset) return "";
  const absl::string_view name = start.substr(0, std::min(kNameBytes, start.find('\0')));
  const bool is_pytorch = std::any_of(std::begin(kTarMembers), std::end(kTarMembers), [&](absl::string_view member) {
    return absl::StripSuffix(absl::StripPrefix(name, "./"), "/") == member && start.size() > name.size() &&
           start[kNameBytes - 1] == '\0';
  });
  if (is_pytorch) return "a tar archive of PyTorch's first format; save it again with a newer PyTorch";
  return absl::StartsWith(start.substr(kMagicOffset), "ustar") ? absl::StrCat("a tar archive", kUnpack) : "";
}

bool IsText(absl::string_view start) {
  return !start.empty() && std::all_of(start.begin(), start.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7f : absl::ascii_isspace(byte);
  });
}

std::string TextKind(absl::Span<const uint8_t> bytes) {
  if (!IsText(Start(bytes))) return "";
  const absl::string_view text = StartOfText(bytes);
  const char* kind = absl::StartsWith(text, "{") || absl::StartsWith(text, "[") ? "JSON" : "a text";
  return absl::StrCat(kind, " that begins with \"", EscapeText(ToUtf8Text(text.substr(0, kShown))), "\"");
}

}  // namespace

absl::Status RefuseStandIn(const std::string& path, absl::Span<const uint8_t> bytes) {
  const std::string what = StandIn(bytes);
  return what.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

std::string ForeignKind(absl::Span<const uint8_t> bytes) {
  const absl::string_view start = Start(bytes);
  if (IsZipOfPyTorch(start)) return "a checkpoint of PyTorch (a zip archive)";
  for (const Magic& magic : kArchives) {
    if (Has(start, magic)) return absl::StrCat(magic.kind, kUnpack);
  }
  for (const Magic& magic : kMagics) {
    if (Has(start, magic)) return magic.kind;
  }
  const std::string tar = TarKind(start);
  return tar.empty() ? TextKind(bytes) : tar;
}

}  // namespace skein
