#include "formats/pth/pickle.h"

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "formats/pth/pickle_value.h"
#include "formats/pth/state_dict.h"
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

constexpr uint8_t kProto = 0x80, kStop = '.';  // opcodes: the first and the last

class Interpreter {
 public:
  explicit Interpreter(const ByteReader& reader) : reader_(reader) {}

  PickledCheckpoint RunCheckpoint() {
    const ValueId top = Run();
    PickledCheckpoint checkpoint = CollectStateDict(values_, tensors_, top);
    checkpoint.storages = std::move(storages_);
    return checkpoint;
  }

  std::vector<std::string_view> RunTexts() {
    std::vector<std::string_view> texts;
    for (const ValueId item : values_[Expect(Run(), PickleKind::kList, "storage keys")].items) {
      texts.push_back(values_[Expect(item, PickleKind::kString, "storage key")].text);
    }
    return texts;
  }

  const ByteReader& reader() const { return reader_; }

 private:
  ValueId Run() {
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
    return Pop();
  }

  struct Instruction {
    uint8_t opcode;
    void (*run)(Interpreter& me);
  };

  // The opcodes that state dicts need, by their names in Python's pickletools.
  static std::span<const Instruction> Instructions() {
    using Self = Interpreter;
    static constexpr Instruction kInstructions[] = {
        {'(', [](Self& me) { me.PushMark(); }},                                                              // MARK
        {'N', [](Self& me) { me.Push({.kind = PickleKind::kNone}); }},                                       // NONE
        {0x88, [](Self& me) { me.Push({.kind = PickleKind::kBool, .integer = 1}); }},                        // NEWTRUE
        {0x89, [](Self& me) { me.Push({.kind = PickleKind::kBool, .integer = 0}); }},                        // NEWFALSE
        {'J', [](Self& me) { me.PushInt(me.reader_.Read<int32_t>("BININT")); }},                             // BININT
        {'K', [](Self& me) { me.PushInt(me.reader_.Read<uint8_t>("BININT1")); }},                            // BININT1
        {'M', [](Self& me) { me.PushInt(me.reader_.Read<uint16_t>("BININT2")); }},                           // BININT2
        {0x8a, [](Self& me) { me.PushInt(me.ReadLong()); }},                                                 // LONG1
        {'G', [](Self& me) { me.Push({.kind = PickleKind::kFloat, .number = me.ReadBigEndianDouble()}); }},  // BINFLOAT
        {'T', [](Self& me) { me.PushText(me.reader_.Read<uint32_t>("BINSTRING length")); }},       // BINSTRING
        {'U', [](Self& me) { me.PushText(me.reader_.Read<uint8_t>("SHORT_BINSTRING length")); }},  // SHORT_BINSTRING
        {'X', [](Self& me) { me.PushText(me.reader_.Read<uint32_t>("BINUNICODE length")); }},      // BINUNICODE
        {')', [](Self& me) { me.Push({.kind = PickleKind::kTuple}); }},                            // EMPTY_TUPLE
        {'t', [](Self& me) { me.Push({.kind = PickleKind::kTuple, .items = me.PopToMark()}); }},   // TUPLE
        {0x85, [](Self& me) { me.Push({.kind = PickleKind::kTuple, .items = me.PopLast(1)}); }},   // TUPLE1
        {0x86, [](Self& me) { me.Push({.kind = PickleKind::kTuple, .items = me.PopLast(2)}); }},   // TUPLE2
        {0x87, [](Self& me) { me.Push({.kind = PickleKind::kTuple, .items = me.PopLast(3)}); }},   // TUPLE3
        {']', [](Self& me) { me.Push({.kind = PickleKind::kList}); }},                             // EMPTY_LIST
        {'a', [](Self& me) { me.Extend(me.PopLast(1), PickleKind::kList); }},                      // APPEND
        {'e', [](Self& me) { me.Extend(me.PopToMark(), PickleKind::kList); }},                     // APPENDS
        {'}', [](Self& me) { me.Push({.kind = PickleKind::kDict}); }},                             // EMPTY_DICT
        {'s', [](Self& me) { me.Extend(me.PopLast(2), PickleKind::kDict); }},                      // SETITEM
        {'u', [](Self& me) { me.Extend(me.PopToMark(), PickleKind::kDict); }},                     // SETITEMS
        {'q', [](Self& me) { me.Memorise(me.reader_.Read<uint8_t>("BINPUT index")); }},            // BINPUT
        {'r', [](Self& me) { me.Memorise(me.reader_.Read<uint32_t>("LONG_BINPUT index")); }},      // LONG_BINPUT
        {'h', [](Self& me) { me.Recall(me.reader_.Read<uint8_t>("BINGET index")); }},              // BINGET
        {'j', [](Self& me) { me.Recall(me.reader_.Read<uint32_t>("LONG_BINGET index")); }},        // LONG_BINGET
        {'c', [](Self& me) { me.PushGlobal(); }},                                                  // GLOBAL
        {'R', [](Self& me) { me.Reduce(); }},                                                      // REDUCE
        {0x81, [](Self& me) { me.MakeObject(); }},                                                 // NEWOBJ
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

  void Push(PickleValue value) {
    PushId(static_cast<ValueId>(values_.size()));
    values_.push_back(std::move(value));
  }

  void PushInt(int64_t integer) { Push({.kind = PickleKind::kInt, .integer = integer}); }
  void PushText(uint64_t num_bytes) {
    Push({.kind = PickleKind::kString, .text = reader_.TakeText(num_bytes, "string")});
  }

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

  void Extend(const std::vector<ValueId>& items, PickleKind kind) {
    PickleValue& container = values_[Top()];
    if (container.kind == PickleKind::kInert) return;
    if (container.kind != kind) FailHere("expected " + Name(kind) + " to extend, found " + Name(container.kind));
    if (kind == PickleKind::kDict && items.size() % 2 != 0)
      FailHere("expected pairs of keys and values, found an odd count");
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
    Push({.kind = PickleKind::kName,
          .name = FindPickleName(module, name, "pickle: offset " + std::to_string(reader_.position()))});
  }

  void Reduce() {
    const std::vector<ValueId> arguments = values_[Expect(Pop(), PickleKind::kTuple, "arguments of REDUCE")].items;
    switch (values_[Expect(Pop(), PickleKind::kName, "callee of REDUCE")].name.meaning) {
      case PickleMeaning::kDictClass:
        return Push({.kind = PickleKind::kDict});
      case PickleMeaning::kTupleClass:
        if (arguments.size() != 1) FailHere("expected one argument of torch.Size, found another number");
        return PushId(Expect(arguments[0], PickleKind::kTuple, "sizes of a torch.Size"));
      case PickleMeaning::kRebuildTensor:
        return PushTensor(arguments);
      case PickleMeaning::kRebuildParameter:
        if (arguments.empty()) FailHere("expected the tensor of a parameter, found no arguments");
        return PushId(Expect(arguments[0], PickleKind::kTensor, "data of a parameter"));
      case PickleMeaning::kStorageClass:
        FailHere("expected something to call, found a storage class");
      case PickleMeaning::kInert:
        return Push({.kind = PickleKind::kInert});
    }
  }

  void MakeObject() {
    Expect(Pop(), PickleKind::kTuple, "arguments of NEWOBJ");
    const PickleMeaning meaning = values_[Expect(Pop(), PickleKind::kName, "class of NEWOBJ")].name.meaning;
    if (meaning == PickleMeaning::kDictClass) return Push({.kind = PickleKind::kDict});
    if (meaning != PickleMeaning::kInert) FailHere("expected a class for NEWOBJ, found another name");
    Push({.kind = PickleKind::kInert});
  }

  // Attributes of an OrderedDict (the versions of modules) mean nothing here.
  void Build() {
    const ValueId state = Pop();
    if (values_[Top()].kind == PickleKind::kInert) return;
    Expect(state, PickleKind::kDict, "state of BUILD");
    Expect(Top(), PickleKind::kDict, "object of BUILD");
  }

  // Persistent ids are ('storage', class, key, device, number of elements). Files before PyTorch 1.6 have a sixth item:
  // None, or (key, offset, size) of a storage that is a part of this one.
  void PushStorage() {
    const std::vector<ValueId> id = values_[Expect(Pop(), PickleKind::kTuple, "persistent id")].items;
    constexpr size_t kIdItems = 5;
    if (id.size() != kIdItems && id.size() != kIdItems + 1) {
      FailHere("expected a persistent id of 5 or 6 items, found " + std::to_string(id.size()));
    }
    const PickleValue& tag = values_[Expect(id[0], PickleKind::kString, "tag of a persistent id")];
    if (tag.text != "storage") FailHere("expected the persistent id of a storage, found " + Quote(tag.text));
    const PickleName& name = values_[Expect(id[1], PickleKind::kName, "class of a storage")].name;
    if (name.storage_class == nullptr) FailHere("expected the class of a storage, found another name");
    const std::string_view key = values_[Expect(id[2], PickleKind::kString, "key of a storage")].text;
    const uint64_t num_elements = Unsigned(id[4], "number of elements of a storage");
    PickleValue storage = {
        .kind = PickleKind::kStorage, .integer = static_cast<int64_t>(num_elements), .text = key, .name = name};
    if (id.size() > kIdItems && values_[id[kIdItems]].kind != PickleKind::kNone) {
      const std::vector<ValueId>& part = values_[Expect(id[kIdItems], PickleKind::kTuple, "part of a storage")].items;
      if (part.size() != 3) FailHere("expected key, offset and size of a part, found another number of items");
      storage.items = {part[1], part[2]};
    }
    if (storage_keys_.insert(key).second) {
      storages_.push_back({.storage_class = name.storage_class, .key = key, .num_elements = num_elements});
    }
    Push(std::move(storage));
  }

  // _rebuild_tensor(storage, storage_offset, size, stride), and
  // _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks[, metadata])
  void PushTensor(const std::vector<ValueId>& arguments) {
    if (arguments.size() != 4 && arguments.size() != 6 && arguments.size() != 7) {
      FailHere("expected 4, 6 or 7 arguments of _rebuild_tensor, found " + std::to_string(arguments.size()));
    }
    const PickleValue& storage = values_[Expect(arguments[0], PickleKind::kStorage, "storage of a tensor")];
    const auto storage_elements = static_cast<uint64_t>(storage.integer);
    const bool is_part = !storage.items.empty();
    PickledTensor tensor{.name = {},
                         .storage_class = storage.name.storage_class,
                         .storage_key = storage.text,
                         .storage_elements = storage_elements,
                         .part_offset = is_part ? Unsigned(storage.items[0], "offset of a part") : 0,
                         .part_elements = is_part ? Unsigned(storage.items[1], "size of a part") : storage_elements,
                         .storage_offset = Unsigned(arguments[1], "storage offset of a tensor"),
                         .shape = Dimensions(arguments[2], "size of a tensor"),
                         .strides = Dimensions(arguments[3], "stride of a tensor")};
    if (tensor.shape.size() != tensor.strides.size()) {
      FailHere("expected as many strides as the " + std::to_string(tensor.shape.size()) + " dimensions, found " +
               std::to_string(tensor.strides.size()));
    }
    if (tensors_.size() == plugin::CheckpointBuilder::kMaxTensors) FailLimit("tensors", tensors_.size());
    Push({.kind = PickleKind::kTensor, .integer = static_cast<int64_t>(tensors_.size())});
    tensors_.push_back(std::move(tensor));
  }

  std::vector<uint64_t> Dimensions(ValueId id, std::string_view what) const {
    const std::vector<ValueId>& items = values_[Expect(id, PickleKind::kTuple, what)].items;
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
    const int64_t integer = values_[Expect(id, PickleKind::kInt, what)].integer;
    if (integer < 0) FailHere(std::string(what) + ": expected no negative number, found " + std::to_string(integer));
    return static_cast<uint64_t>(integer);
  }

  ValueId Expect(ValueId id, PickleKind kind, std::string_view what) const {
    if (values_[id].kind != kind) {
      FailHere(std::string(what) + ": expected " + Name(kind) + ", found " + Name(values_[id].kind));
    }
    return id;
  }

  // --- errors ---

  static std::string Name(PickleKind kind) { return std::string(PickleKindName(kind)); }

  [[noreturn]] void FailHere(const std::string& text) const {
    FailCorrupt("pickle: before offset " + std::to_string(reader_.position()) + ": " + text);
  }

  ByteReader reader_;
  std::vector<PickleValue> values_;  // every value made, by ValueId
  std::vector<ValueId> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<ValueId> memo_;
  std::vector<PickledTensor> tensors_;  // without names
  std::vector<PickledStorage> storages_;
  std::unordered_set<std::string_view> storage_keys_;  // of storages_
};

}  // namespace

PickledCheckpoint ReadPickle(ByteReader* reader) {
  Interpreter interpreter(*reader);
  PickledCheckpoint checkpoint = interpreter.RunCheckpoint();
  *reader = interpreter.reader();
  return checkpoint;
}

std::vector<std::string_view> ReadPickledTexts(ByteReader* reader) {
  Interpreter interpreter(*reader);
  std::vector<std::string_view> texts = interpreter.RunTexts();
  *reader = interpreter.reader();
  return texts;
}

}  // namespace skein::formats
