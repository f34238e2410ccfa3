// Random hosts of the C ABI: calls of every function in any order, with live, stale and forged handles, with NULL, with
// buffers and structs of every size. Each call keeps the rules of C, which no library can check: a pointer with a size
// has so many bytes. Every answer is compared with what the headers promise.
#ifndef SKEIN_TESTS_FUZZ_ABI_CALLS_H_
#define SKEIN_TESTS_FUZZ_ABI_CALLS_H_

#include <skein/skein.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/abi_handles.h"
#include "tests/fuzz/abi_input.h"

namespace skein::fuzz {

// The files that a host may name.
struct AbiFiles {
  std::string folder;                // for what it writes
  std::vector<std::string> models;   // small ones
  std::vector<std::string> plugins;  // files of plugins, whole or not
};

// One thread of a host. Threads share their handles.
class AbiCalls {
 public:
  AbiCalls(const AbiFiles& files, AbiHandles& handles) : files_(files), handles_(handles) {}

  // Makes one call; `*name`, unless NULL, is the function's. Gives the first promise that the library has broken; "" if
  // it has broken none.
  std::string CallOne(AbiInput& input, std::string* name = nullptr);

  // Releases all handles, in an order of the input's choice.
  void ReleaseAll(AbiInput& input);

  // The rows of functions of which at least one call succeeded.
  const std::set<std::string>& succeeded() const { return succeeded_; }

  // The functions that CallOne may call: one by one, and those that one choice calls, separated by spaces.
  static std::vector<std::string> Functions();
  static std::vector<std::string> FunctionsByRow();

 private:
  using Method = void (AbiCalls::*)(AbiInput&);
  struct Row;
  static const std::vector<Row>& Rows();

  // Calls a function whose last argument is an error, and checks what it says. `is_bad`: it must not succeed.
  template <typename Function, typename... Arguments>
  skein_status Call(AbiInput& input, bool is_bad, Function function, Arguments... arguments);
  // The same with a handle to be made as the last argument but the error.
  template <typename Handle, typename Function, typename... Arguments>
  void Make(AbiInput& input, bool is_bad, Function function, Arguments... arguments);
  template <typename Handle>
  void Release(AbiInput& input);
  template <typename Struct, typename Function, typename... Arguments>
  void Fill(AbiInput& input, bool is_bad, Function function, Arguments... arguments);
  // Calls with a buffer of any capacity; T is its element.
  template <typename T, typename Function, typename... Arguments>
  void Read(AbiInput& input, bool is_bad, Function function, Arguments... arguments);

  void Break(const std::string& promise);
  void CheckError(skein_status status, const skein_error& error);
  void CheckText(const char* what, const std::string& text);

  Picked<skein_options> Options(AbiInput& input, uint32_t kind);
  std::string Path(AbiInput& input) const;
  std::string SavePath(AbiInput& input) const;
  void SetOption(AbiInput& input, skein_options options, uint32_t kind);
  void CheckEvents(const std::vector<skein_event>& events, uint32_t count, uint64_t text_bytes);

  // One for each function, or for each pair of making and releasing.
  void OptionsCreate(AbiInput& input);
  void OptionsSet(AbiInput& input);
  void OptionsKeys(AbiInput& input);
  void RuntimeCreate(AbiInput& input);
  void RuntimeLoadPlugin(AbiInput& input);
  void RuntimePlugins(AbiInput& input);
  void RuntimeDevices(AbiInput& input);
  void RuntimePollLog(AbiInput& input);
  void RuntimeMetrics(AbiInput& input);
  void RuntimeProgress(AbiInput& input);
  void ModelLoad(AbiInput& input);
  void ModelGetInfo(AbiInput& input);
  void ModelGetLoad(AbiInput& input);
  void ModelSetTenant(AbiInput& input);
  void ModelDescribe(AbiInput& input);
  void ModelConvert(AbiInput& input);
  void ModelChatPrompt(AbiInput& input);
  void TokenizerLoad(AbiInput& input);
  void ModelTokenizer(AbiInput& input);
  void TokenizerGetInfo(AbiInput& input);
  void TokenizerEncode(AbiInput& input);
  void TokenizerDecode(AbiInput& input);
  void StreamCreate(AbiInput& input);
  void StreamFork(AbiInput& input);
  void StreamReset(AbiInput& input);
  void StreamPosition(AbiInput& input);
  void StreamSnapshot(AbiInput& input);
  void StreamRestore(AbiInput& input);
  void StreamState(AbiInput& input);
  void StreamSave(AbiInput& input);
  void StreamLoad(AbiInput& input);
  void PrefixCreate(AbiInput& input);
  void PrefixStart(AbiInput& input);
  void PrefixGetInfo(AbiInput& input);
  void PrefixProvenance(AbiInput& input);
  void PrefixSave(AbiInput& input);
  void PrefixLoad(AbiInput& input);
  void SnapshotDescribe(AbiInput& input);
  void StreamTokens(AbiInput& input);
  void StreamTruncate(AbiInput& input);
  void StreamForkAt(AbiInput& input);
  void StreamCheckpoints(AbiInput& input);
  void Eval(AbiInput& input);
  void Score(AbiInput& input);
  void Embed(AbiInput& input);
  void QueueCreate(AbiInput& input);
  void QueuePoll(AbiInput& input);
  void QueueWait(AbiInput& input);
  void QueueFd(AbiInput& input);
  void QueueSetWakeup(AbiInput& input);
  void QueueSubmit(AbiInput& input);
  void RequestCreate(AbiInput& input);
  void RequestSetPrompt(AbiInput& input);
  void RequestSetPromptTokens(AbiInput& input);
  void RequestSetChat(AbiInput& input);
  void RequestSetOptions(AbiInput& input);
  void RequestStops(AbiInput& input);
  void RequestSetUserData(AbiInput& input);
  void RequestCancel(AbiInput& input);
  void RequestAcknowledge(AbiInput& input);
  void RequestTakeSample(AbiInput& input);
  void RequestLogprobs(AbiInput& input);
  void Constants(AbiInput& input);

  const AbiFiles& files_;
  AbiHandles& handles_;
  std::string broken_;
  const char* current_ = "";  // the functions that are being called
  std::set<std::string> succeeded_;
  std::vector<uint8_t> snapshot_;  // the last that was written
};

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_ABI_CALLS_H_
