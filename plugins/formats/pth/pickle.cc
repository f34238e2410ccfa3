#include "formats/pth/pickle.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>

#include "support/byte_reader.h"
#include "support/checkpoint.h"

namespace skein::formats {
namespace {

using plugin::ByteReader;
using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

// Limits on what a hostile pickle can make us spend: some 200 MB at most. A large model of 2,000 tensors needs some
// 120,000 opcodes.
constexpr uint64_t kMaxOpcodes = uint64_t{1} << 20;
constexpr uint64_t kMaxStack = uint64_t{1} << 18;
constexpr uint64_t kMaxMemo = uint64_t{1} << 20;
constexpr size_t kMaxMarks = 64;  // nesting of containers under construction
constexpr size_t kMaxGlobalBytes = 256;
constexpr uint64_t kMaxMetadataBytes = uint64_t{1} << 24;

constexpr uint8_t kProto = 0x80, kStop = '.';  // opcodes: the first and the last

constexpr StorageClass kStorageClasses[] = {
    {"FloatStorage", 4, SKEIN_DTYPE_F32},         {"HalfStorage", 2, SKEIN_DTYPE_F16},
    {"BFloat16Storage", 2, SKEIN_DTYPE_BF16},     {"DoubleStorage", 8, SKEIN_DTYPE_F64},
    {"ByteStorage", 1, SKEIN_DTYPE_U8},           {"CharStorage", 1, SKEIN_DTYPE_NONE},
    {"ShortStorage", 2, SKEIN_DTYPE_NONE},        {"IntStorage", 4, SKEIN_DTYPE_NONE},
    {"LongStorage", 8, SKEIN_DTYPE_NONE},         {"BoolStorage", 1, SKEIN_DTYPE_NONE},
    {"ComplexFloatStorage", 8, SKEIN_DTYPE_NONE}, {"ComplexDoubleStorage", 16, SKEIN_DTYPE_NONE},
};

enum class Kind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kTuple,
  kList,
  kDict,
  kOrderedDictClass,
  kRebuildTensor,
  kRebuildParameter,
  kStorageClass,
  kStorage,
  kTensor,
};

constexpr std::string_view KindName(Kind kind) {
  constexpr std::string_view kNames[] = {"None",
                                         "a truth value",
                                         "an integer",
                                         "a float",
                                         "a string",
                                         "a tuple",
                                         "a list",
                                         "a dict",
                                         "the class OrderedDict",
                                         "the function _rebuild_tensor_v2",
                                         "the function _rebuild_parameter",
                                         "a storage class",
                                         "a storage",
                                         "a tensor"};
  return kNames[static_cast<size_t>(kind)];
}

// Values refer to each other by index, so that sharing and cycles, which pickles may have, need no ownership.
using ValueId = uint32_t;
constexpr ValueId kNoValue = std::numeric_limits<ValueId>::max();

struct Value {
  Kind kind = Kind::kNone;
  int64_t integer = 0;         // kBool, kInt; elements of a kStorage; index into Interpreter::tensors_ of a kTensor
  double number = 0;           // kFloat
  std::string_view text = {};  // kString; key of a kStorage
  const StorageClass* storage_class = nullptr;  // kStorageClass, kStorage
  std::vector<ValueId> items = {};              // kTuple, kList; kDict: key, value, key, value, ...
};

std::string NumberText(double number) {
  std::array<char, 64> text;  // the shortest form of a double takes at most 24 characters
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end.ptr};
}

class Interpreter {
 public:
  explicit Interpreter(std::span<const uint8_t> pickle) : reader_(pickle, "pickle") {}

  PickledCheckpoint Run() {
    if (reader_.Read<uint8_t>("opcode") != kProto) FailCorrupt("pickle: expected opcode PROTO at the start");
    const auto protocol = reader_.Read<uint8_t>("protocol");
    if (protocol != 2) FailUnsupported("pickle: expected protocol 2, found " + std::to_string(protocol));
    for (uint64_t num_opcodes = 0;; ++num_opcodes) {
      if (num_opcodes == kMaxOpcodes) FailLimit("opcodes", kMaxOpcodes);
      const auto opcode = reader_.Read<uint8_t>("opcode");
      if (opcode == kStop) break;
      Execute(opcode);
    }
    if (!marks_.empty() || stack_.size() != 1) {
      FailHere("expected one value at the end, found " + std::to_string(stack_.size()) + " and " +
               std::to_string(marks_.size()) + " open containers");
    }
    return Collect(Pop());
  }

 private:
  struct Instruction {
    uint8_t opcode;
    void (*run)(Interpreter& me);
  };

  // What state dicts need, by their names in Python's pickletools.
  static std::span<const Instruction> Instructions() {
    using Self = Interpreter;
    static constexpr Instruction kInstructions[] = {
        {'(', [](Self& me) { me.PushMark(); }},                                                        // MARK
        {'N', [](Self& me) { me.Push({.kind = Kind::kNone}); }},                                       // NONE
        {0x88, [](Self& me) { me.Push({.kind = Kind::kBool, .integer = 1}); }},                        // NEWTRUE
        {0x89, [](Self& me) { me.Push({.kind = Kind::kBool, .integer = 0}); }},                        // NEWFALSE
        {'J', [](Self& me) { me.PushInt(me.reader_.Read<int32_t>("BININT")); }},                       // BININT
        {'K', [](Self& me) { me.PushInt(me.reader_.Read<uint8_t>("BININT1")); }},                      // BININT1
        {'M', [](Self& me) { me.PushInt(me.reader_.Read<uint16_t>("BININT2")); }},                     // BININT2
        {0x8a, [](Self& me) { me.PushInt(me.ReadLong()); }},                                           // LONG1
        {'G', [](Self& me) { me.Push({.kind = Kind::kFloat, .number = me.ReadBigEndianDouble()}); }},  // BINFLOAT
        {'T', [](Self& me) { me.PushText(me.reader_.Read<uint32_t>("BINSTRING length")); }},           // BINSTRING
        {'U', [](Self& me) { me.PushText(me.reader_.Read<uint8_t>("SHORT_BINSTRING length")); }},  // SHORT_BINSTRING
        {'X', [](Self& me) { me.PushText(me.reader_.Read<uint32_t>("BINUNICODE length")); }},      // BINUNICODE
        {')', [](Self& me) { me.Push({.kind = Kind::kTuple}); }},                                  // EMPTY_TUPLE
        {'t', [](Self& me) { me.Push({.kind = Kind::kTuple, .items = me.PopToMark()}); }},         // TUPLE
        {0x85, [](Self& me) { me.Push({.kind = Kind::kTuple, .items = me.PopLast(1)}); }},         // TUPLE1
        {0x86, [](Self& me) { me.Push({.kind = Kind::kTuple, .items = me.PopLast(2)}); }},         // TUPLE2
        {0x87, [](Self& me) { me.Push({.kind = Kind::kTuple, .items = me.PopLast(3)}); }},         // TUPLE3
        {']', [](Self& me) { me.Push({.kind = Kind::kList}); }},                                   // EMPTY_LIST
        {'a', [](Self& me) { me.Extend(me.PopLast(1), Kind::kList); }},                            // APPEND
        {'e', [](Self& me) { me.Extend(me.PopToMark(), Kind::kList); }},                           // APPENDS
        {'}', [](Self& me) { me.Push({.kind = Kind::kDict}); }},                                   // EMPTY_DICT
        {'s', [](Self& me) { me.Extend(me.PopLast(2), Kind::kDict); }},                            // SETITEM
        {'u', [](Self& me) { me.Extend(me.PopToMark(), Kind::kDict); }},                           // SETITEMS
        {'q', [](Self& me) { me.Memorise(me.reader_.Read<uint8_t>("BINPUT index")); }},            // BINPUT
        {'r', [](Self& me) { me.Memorise(me.reader_.Read<uint32_t>("LONG_BINPUT index")); }},      // LONG_BINPUT
        {'h', [](Self& me) { me.Recall(me.reader_.Read<uint8_t>("BINGET index")); }},              // BINGET
        {'j', [](Self& me) { me.Recall(me.reader_.Read<uint32_t>("LONG_BINGET index")); }},        // LONG_BINGET
        {'c', [](Self& me) { me.PushGlobal(); }},                                                  // GLOBAL
        {'R', [](Self& me) { me.Reduce(); }},                                                      // REDUCE
        {'b', [](Self& me) { me.Build(); }},                                                       // BUILD
        {'Q', [](Self& me) { me.PushStorage(); }},                                                 // BINPERSID
    };
    return kInstructions;
  }

  void Execute(uint8_t opcode) {
    for (const Instruction& instruction : Instructions()) {
      if (instruction.opcode == opcode) return instruction.run(*this);
    }
    FailUnsupported("pickle: offset " + std::to_string(reader_.position() - 1) +
                    ": expected an opcode that state dicts need, found " + std::to_string(opcode));
  }

  // --- the stack ---

  void PushId(ValueId id) {
    if (stack_.size() == kMaxStack) FailLimit("values on the stack", kMaxStack);
    stack_.push_back(id);
  }

  void Push(Value value) {
    PushId(static_cast<ValueId>(values_.size()));
    values_.push_back(std::move(value));
  }

  void PushInt(int64_t integer) { Push({.kind = Kind::kInt, .integer = integer}); }
  void PushText(uint64_t num_bytes) { Push({.kind = Kind::kString, .text = reader_.TakeText(num_bytes, "string")}); }

  void PushMark() {
    if (marks_.size() == kMaxMarks) FailLimit("open marks", kMaxMarks);
    marks_.push_back(stack_.size());
  }

  // A value above the last mark: the values below it belong to a container that is not built yet.
  ValueId Top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) FailHere("expected a value on the stack, found none");
    return stack_.back();
  }

  ValueId Pop() {
    const ValueId id = Top();
    stack_.pop_back();
    return id;
  }

  std::vector<ValueId> PopLast(size_t count) {
    const size_t available = stack_.size() - (marks_.empty() ? 0 : marks_.back());
    if (available < count) {
      FailHere("expected " + std::to_string(count) + " values on the stack, found " + std::to_string(available));
    }
    std::vector<ValueId> popped(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return popped;
  }

  std::vector<ValueId> PopToMark() {
    if (marks_.empty()) FailHere("expected a MARK on the stack, found none");
    const size_t mark = marks_.back();
    marks_.pop_back();
    std::vector<ValueId> popped(stack_.begin() + static_cast<ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark);
    return popped;
  }

  // --- opcodes ---

  // A little-endian two's complement number of up to 8 bytes. No checkpoint has a longer one.
  int64_t ReadLong() {
    const auto num_bytes = reader_.Read<uint8_t>("LONG1 length");
    if (num_bytes > sizeof(int64_t)) {
      FailUnsupported("pickle: offset " + std::to_string(reader_.position()) +
                      ": expected an integer of 8 bytes at most, found " + std::to_string(num_bytes));
    }
    const std::span<const uint8_t> bytes = reader_.Take(num_bytes, "LONG1");
    const bool negative = num_bytes > 0 && (bytes.back() & 0x80) != 0;
    uint64_t bits = negative ? ~uint64_t{0} : 0;
    std::memcpy(&bits, bytes.data(), num_bytes);
    return static_cast<int64_t>(bits);
  }

  double ReadBigEndianDouble() {
    const auto swapped = __builtin_bswap64(reader_.Read<uint64_t>("BINFLOAT"));
    double number = 0;
    std::memcpy(&number, &swapped, sizeof(number));
    return number;
  }

  void Extend(const std::vector<ValueId>& items, Kind kind) {
    Value& container = values_[Top()];
    if (container.kind != kind) FailHere("expected " + Name(kind) + " to extend, found " + Name(container.kind));
    if (kind == Kind::kDict && items.size() % 2 != 0) FailHere("expected pairs of keys and values, found an odd count");
    container.items.insert(container.items.end(), items.begin(), items.end());
  }

  void Memorise(uint64_t index) {
    if (index >= kMaxMemo) FailLimit("memo entries", kMaxMemo);
    const ValueId id = Top();
    if (index >= memo_.size()) memo_.resize(index + 1, kNoValue);
    memo_[index] = id;
  }

  void Recall(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kNoValue) {
      FailHere("expected a memo entry " + std::to_string(index) + ", found none");
    }
    PushId(memo_[index]);
  }

  std::string_view ReadLine(std::string_view what) {
    ByteReader ahead = reader_;
    size_t length = 0;
    while (ahead.Read<char>(what) != '\n') {
      if (++length > kMaxGlobalBytes)
        FailHere("expected a " + std::string(what) + " of up to 256 bytes, found a longer one");
    }
    const std::string_view line = reader_.TakeText(length, what);
    reader_.Take(1, what);
    return line;
  }

  // The one place where a pickle names code. The name is compared, never looked up.
  void PushGlobal() {
    const std::string_view module = ReadLine("module name");
    const std::string_view name = ReadLine("global name");
    if (module == "collections" && name == "OrderedDict") return Push({.kind = Kind::kOrderedDictClass});
    if (module == "torch._utils" && name == "_rebuild_tensor_v2") return Push({.kind = Kind::kRebuildTensor});
    if (module == "torch._utils" && (name == "_rebuild_parameter" || name == "_rebuild_parameter_with_state")) {
      return Push({.kind = Kind::kRebuildParameter});
    }
    if (module == "torch") {
      for (const StorageClass& storage_class : kStorageClasses) {
        if (name == storage_class.name) return Push({.kind = Kind::kStorageClass, .storage_class = &storage_class});
      }
    }
    FailUnsupported(
        "pickle: offset " + std::to_string(reader_.position()) + ": expected a name that state dicts need, found " +
        Quote(std::string(module) + "." + std::string(name)) + "; nothing in a checkpoint is ever executed");
  }

  void Reduce() {
    const Value& arguments = values_[Expect(Pop(), Kind::kTuple, "arguments of REDUCE")];
    const Value& callable = values_[Pop()];
    switch (callable.kind) {
      case Kind::kOrderedDictClass:
        if (!arguments.items.empty()) FailHere("expected an OrderedDict without arguments, found some");
        return Push({.kind = Kind::kDict});
      case Kind::kRebuildTensor:
        return PushTensor(arguments.items);
      case Kind::kRebuildParameter:
        if (arguments.items.empty()) FailHere("expected the tensor of a parameter, found no arguments");
        return PushId(Expect(arguments.items[0], Kind::kTensor, "data of a parameter"));
      default:
        FailHere("expected something to call, found " + Name(callable.kind));
    }
  }

  // Attributes of an OrderedDict (the versions of modules) mean nothing here.
  void Build() {
    Expect(Pop(), Kind::kDict, "state of BUILD");
    Expect(Top(), Kind::kDict, "object of BUILD");
  }

  // Persistent ids are ('storage', class, key, device, number of elements).
  void PushStorage() {
    const std::vector<ValueId>& id = values_[Expect(Pop(), Kind::kTuple, "persistent id")].items;
    constexpr size_t kIdItems = 5;
    if (id.size() != kIdItems) {
      FailHere("expected a persistent id of 5 items, found " + std::to_string(id.size()));
    }
    const Value& tag = values_[Expect(id[0], Kind::kString, "tag of a persistent id")];
    if (tag.text != "storage") FailHere("expected the persistent id of a storage, found " + Quote(tag.text));
    const Value& storage_class = values_[Expect(id[1], Kind::kStorageClass, "class of a storage")];
    const Value& key = values_[Expect(id[2], Kind::kString, "key of a storage")];
    const uint64_t num_elements = Unsigned(id[4], "number of elements of a storage");
    Push({.kind = Kind::kStorage,
          .integer = static_cast<int64_t>(num_elements),
          .text = key.text,
          .storage_class = storage_class.storage_class});
  }

  // _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks[, metadata])
  void PushTensor(const std::vector<ValueId>& arguments) {
    if (arguments.size() < 6 || arguments.size() > 7) {
      FailHere("expected 6 or 7 arguments of _rebuild_tensor_v2, found " + std::to_string(arguments.size()));
    }
    const Value& storage = values_[Expect(arguments[0], Kind::kStorage, "storage of a tensor")];
    PickledTensor tensor{.name = {},
                         .storage_class = storage.storage_class,
                         .storage_key = storage.text,
                         .storage_elements = static_cast<uint64_t>(storage.integer),
                         .storage_offset = Unsigned(arguments[1], "storage offset of a tensor"),
                         .shape = Dimensions(arguments[2], "size of a tensor"),
                         .strides = Dimensions(arguments[3], "stride of a tensor")};
    if (tensor.shape.size() != tensor.strides.size()) {
      FailHere("expected as many strides as the " + std::to_string(tensor.shape.size()) + " dimensions, found " +
               std::to_string(tensor.strides.size()));
    }
    if (tensors_.size() == plugin::CheckpointBuilder::kMaxTensors) FailLimit("tensors", tensors_.size());
    Push({.kind = Kind::kTensor, .integer = static_cast<int64_t>(tensors_.size())});
    tensors_.push_back(std::move(tensor));
  }

  std::vector<uint64_t> Dimensions(ValueId id, std::string_view what) const {
    const std::vector<ValueId>& items = values_[Expect(id, Kind::kTuple, what)].items;
    if (items.size() > SKEIN_MAX_DIMS) {
      FailUnsupported("pickle: offset " + std::to_string(reader_.position()) + ": " + std::string(what) +
                      ": expected at most " + std::to_string(SKEIN_MAX_DIMS) + " dimensions, found " +
                      std::to_string(items.size()));
    }
    std::vector<uint64_t> dimensions;
    dimensions.reserve(items.size());
    for (const ValueId item : items) dimensions.push_back(Unsigned(item, what));
    return dimensions;
  }

  uint64_t Unsigned(ValueId id, std::string_view what) const {
    const int64_t integer = values_[Expect(id, Kind::kInt, what)].integer;
    if (integer < 0) FailHere(std::string(what) + ": expected no negative number, found " + std::to_string(integer));
    return static_cast<uint64_t>(integer);
  }

  ValueId Expect(ValueId id, Kind kind, std::string_view what) const {
    if (values_[id].kind != kind) {
      FailHere(std::string(what) + ": expected " + Name(kind) + ", found " + Name(values_[id].kind));
    }
    return id;
  }

  // --- the result ---

  // Looks two levels deep at most, so that a dict that contains itself is harmless.
  PickledCheckpoint Collect(ValueId top) const {
    if (values_[top].kind != Kind::kDict) {
      FailUnsupported("pickle: expected a dict of tensors at the top, found " + Name(values_[top].kind));
    }
    PickledCheckpoint checkpoint;
    CollectMetadata(values_[top], &checkpoint);
    CollectTensors(FindStateDict(values_[top]), &checkpoint);
    return checkpoint;
  }

  const Value& FindStateDict(const Value& dict) const {
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const Value& key = values_[dict.items[i]];
      const Value& value = values_[dict.items[i + 1]];
      if (key.kind == Kind::kString && key.text == "state_dict" && value.kind == Kind::kDict) return value;
    }
    return dict;
  }

  void CollectTensors(const Value& dict, PickledCheckpoint* checkpoint) const {
    constexpr std::string_view kWrapperPrefix = "_forward_module.";  // left by DeepSpeed
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const Value& key = values_[dict.items[i]];
      const Value& value = values_[dict.items[i + 1]];
      if (value.kind != Kind::kTensor) continue;
      if (key.kind != Kind::kString) {
        FailUnsupported("pickle: expected tensors under names, found one under " + Name(key.kind));
      }
      // One tensor may be in the dict many times, at two bytes of pickle each.
      if (checkpoint->tensors.size() == plugin::CheckpointBuilder::kMaxTensors) {
        FailLimit("tensors", checkpoint->tensors.size());
      }
      std::string_view name = key.text;
      if (name.starts_with(kWrapperPrefix)) name.remove_prefix(kWrapperPrefix.size());
      plugin::CheckpointBuilder::CheckName(name);
      checkpoint->tensors.push_back(tensors_[static_cast<size_t>(value.integer)]);
      checkpoint->tensors.back().name = name;
    }
  }

  void CollectMetadata(const Value& dict, PickledCheckpoint* checkpoint) const {
    uint64_t metadata_bytes = 0;
    for (size_t i = 0; i < dict.items.size(); i += 2) {
      const Value& key = values_[dict.items[i]];
      const Value& value = values_[dict.items[i + 1]];
      if (key.kind != Kind::kString) continue;
      // Checked before the copy: a memo entry makes any number of long strings out of one.
      metadata_bytes += key.text.size() + value.text.size();
      if (metadata_bytes > kMaxMetadataBytes) FailLimit("bytes of metadata", kMaxMetadataBytes);
      if (std::optional<std::string> text = ScalarText(value)) checkpoint->metadata.emplace_back(key.text, *text);
    }
  }

  static std::optional<std::string> ScalarText(const Value& value) {
    switch (value.kind) {
      case Kind::kBool:
        return value.integer != 0 ? "true" : "false";
      case Kind::kInt:
        return std::to_string(value.integer);
      case Kind::kFloat:
        return NumberText(value.number);
      case Kind::kString:
        return std::string(value.text);
      default:
        return std::nullopt;
    }
  }

  // --- errors ---

  static std::string Name(Kind kind) { return std::string(KindName(kind)); }

  [[noreturn]] void FailHere(const std::string& text) const {
    FailCorrupt("pickle: before offset " + std::to_string(reader_.position()) + ": " + text);
  }

  [[noreturn]] static void FailLimit(const std::string& what, uint64_t limit) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                        "pickle: expected at most " + std::to_string(limit) + " " + what + ", found more");
  }

  ByteReader reader_;
  std::vector<Value> values_;  // every value made, by ValueId
  std::vector<ValueId> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<ValueId> memo_;
  std::vector<PickledTensor> tensors_;  // without names
};

}  // namespace

PickledCheckpoint ReadPickle(std::span<const uint8_t> pickle) { return Interpreter(pickle).Run(); }

}  // namespace skein::formats
