#include "tests/conformance/backend_conformance.h"

#include <dlfcn.h>

#include <algorithm>
#include <stdexcept>

namespace skein::conformance {
namespace {

[[noreturn]] void Fail(const std::string& what, const std::string& message) {
  throw std::runtime_error(what + ": " + message);
}

}  // namespace

BackendPlugin::BackendPlugin(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Fail(path, dlerror());
  const auto entry = reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"));
  if (entry == nullptr) Fail(path, "no skein_plugin_entry");
  const skein_plugin_offer offer = {.struct_size = sizeof(offer),
                                    .abi_min = SKEIN_PLUGIN_ABI,
                                    .abi_max = SKEIN_PLUGIN_ABI,
                                    .reserved = 0,
                                    .host_version = "1.0.0"};
  answer_.struct_size = sizeof(answer_);
  skein_message message = {};
  if (entry(&offer, &answer_, &message) != SKEIN_OK) Fail(path, message.text);
  if (answer_.kind != SKEIN_PLUGIN_BACKEND) Fail(path, "is no backend");
}

bool BackendPlugin::HasDevices() const {
  uint32_t count = 0;
  skein_message message = {};
  const int32_t status = table().device_count(&count, &message);
  if (status != SKEIN_OK && status != SKEIN_UNAVAILABLE) Fail("device_count", message.text);
  return status == SKEIN_OK && count > 0;
}

uint32_t BackendPlugin::num_devices() const {
  uint32_t count = 0;
  skein_message message = {};
  if (table().device_count(&count, &message) != SKEIN_OK) Fail("device_count", message.text);
  return count;
}

skein_backend_device BackendPlugin::DeviceInfo(uint32_t index) const {
  skein_backend_device info = {};
  info.struct_size = sizeof(info);
  skein_message message = {};
  if (table().device_info(index, &info, &message) != SKEIN_OK) Fail("device_info", message.text);
  return info;
}

Device::Device(const BackendPlugin& plugin, const TestHost& host, uint32_t index) : plugin_(plugin) {
  skein_message message = {};
  if (table().device_open(host.table(), index, &device_, &message) != SKEIN_OK) Fail("device_open", message.text);
}

uint64_t Device::FreeMemory() const {
  uint64_t bytes = 0;
  skein_message message = {};
  if (!SKEIN_HAS(skein_backend_table, &table(), device_free_memory)) return bytes;
  if (table().device_free_memory(device_, &bytes, &message) != SKEIN_OK) Fail("device_free_memory", message.text);
  return bytes;
}

uint64_t StateFloats(const skein_backend_model& model, uint32_t num_layers) {
  const uint64_t memory_rows = model.generation == 4 ? 3 : model.head_size;
  return num_layers * (2 * uint64_t{model.d_model} + memory_rows * model.d_att);
}

skein_segment_desc DescribeSegment(const SyntheticModel& model, uint32_t first_layer, uint32_t num_layers,
                                   uint32_t flags) {
  skein_segment_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = flags;
  desc.first_layer = first_layer;
  desc.num_layers = num_layers;
  desc.num_slots = 8;
  desc.max_tokens = 256;
  desc.max_entries = 16;
  desc.model = model.model();
  return desc;
}

std::vector<skein_tensor> TensorsOf(const SyntheticModel& model, const skein_segment_desc& desc) {
  std::vector<skein_tensor> tensors;
  for (const SyntheticTensor& tensor : model.tensors()) {
    bool belongs = tensor.layer >= desc.first_layer && tensor.layer < desc.first_layer + desc.num_layers;
    if (tensor.role <= SKEIN_ROLE_EMBEDDING_NORM_B)
      belongs = (desc.flags & SKEIN_SEGMENT_EMBEDDING) != 0;
    else if (tensor.role <= SKEIN_ROLE_HEAD)
      belongs = (desc.flags & SKEIN_SEGMENT_HEAD) != 0;
    if (belongs) tensors.push_back(tensor.Describe());
  }
  return tensors;
}

SegmentHandle::SegmentHandle(const Device& device, const skein_segment_desc& desc) : device_(device), desc_(desc) {
  skein_message message = {};
  Finish(device_.table().segment_create(device_.handle(), &desc_, &segment_, &message), message);
}

SegmentHandle::~SegmentHandle() {
  if (segment_ != nullptr) device_.table().segment_destroy(segment_);
}

bool SegmentHandle::Finish(int32_t status, const skein_message& message) {
  status_ = status;
  message_ = message.text;
  return status == SKEIN_OK;
}

bool SegmentHandle::Put(const skein_tensor& tensor) {
  skein_message message = {};
  return Finish(device_.table().put_tensor(segment_, &tensor, &message), message);
}

bool SegmentHandle::Load(const std::vector<skein_tensor>& tensors) {
  for (const skein_tensor& tensor : tensors) {
    if (!Put(tensor)) return false;
  }
  return Seal();
}

bool SegmentHandle::Seal() {
  skein_message message = {};
  return Finish(device_.table().seal(segment_, &message), message);
}

bool SegmentHandle::Init(uint32_t slot) {
  skein_message message = {};
  return Finish(device_.table().state_init(segment_, slot, &message), message);
}

bool SegmentHandle::Discard(uint32_t slot) {
  skein_message message = {};
  return Finish(device_.table().state_discard(segment_, slot, &message), message);
}

bool SegmentHandle::Copy(uint32_t from_slot, uint32_t to_slot) {
  skein_message message = {};
  return Finish(device_.table().state_copy(segment_, from_slot, to_slot, &message), message);
}

bool SegmentHandle::Export(uint32_t slot, std::vector<float>& state) {
  skein_message message = {};
  return Finish(device_.table().state_export(segment_, slot, state.data(), state.size(), &message), message);
}

bool SegmentHandle::BeginExport(uint32_t slot, std::vector<float>& state, void** fence) {
  *fence = nullptr;
  skein_message message = {};
  return Finish(device_.table().state_export_begin(segment_, slot, state.data(), state.size(), fence, &message),
                message);
}

bool SegmentHandle::Import(uint32_t slot, const std::vector<float>& state) {
  skein_message message = {};
  return Finish(device_.table().state_import(segment_, slot, state.data(), state.size(), &message), message);
}

bool SegmentHandle::BeginImport(uint32_t slot, const std::vector<float>& state, void** fence) {
  *fence = nullptr;
  skein_message message = {};
  return Finish(device_.table().state_import_begin(segment_, slot, state.data(), state.size(), fence, &message),
                message);
}

bool SegmentHandle::Step(const skein_step& step) {
  void* fence = nullptr;
  const bool has_begun = Begin(step, &fence);
  if (fence == nullptr) return has_begun;
  // A step that failed may have a fence too; its own code counts.
  if (has_begun) {
    Wait(fence);
  } else {
    skein_message ignored = {};
    device_.table().fence_wait(fence, -1, &ignored);
  }
  device_.table().fence_release(fence);
  return status_ == SKEIN_OK;
}

bool SegmentHandle::Begin(const skein_step& step, void** fence) {
  *fence = nullptr;
  skein_message message = {};
  return Finish(device_.table().step(segment_, &step, fence, &message), message);
}

bool SegmentHandle::Wait(void* fence, int64_t timeout_us) {
  skein_message message = {};
  const int32_t status = device_.table().fence_wait(fence, timeout_us, &message);
  // A backend names an entry that failed when the step returns or when it ends.
  const std::string begun = message_;
  Finish(status, message);
  if (message_.empty()) message_ = begun;
  return status == SKEIN_OK;
}

bool SegmentHandle::Work(skein_segment_work& work) {
  work = {};
  work.struct_size = sizeof(work);
  skein_message message = {};
  return Finish(device_.table().segment_work(segment_, &work, &message), message);
}

Pipeline::Pipeline(const Device& device, const SyntheticModel& model, const PipelineOptions& options)
    : Pipeline(std::vector<const Device*>{&device}, model, options) {}

Pipeline::Pipeline(const std::vector<const Device*>& devices, const SyntheticModel& model,
                   const PipelineOptions& options)
    : model_(model), num_carries_(model.model().generation == 7 ? SKEIN_CARRY_V_FIRST + 1 : SKEIN_CARRY_X + 1) {
  std::vector<uint32_t> borders = options.cuts;
  borders.insert(borders.begin(), 0);
  const uint32_t num_layers = model.model().num_layers;
  for (size_t i = 0; i < borders.size(); ++i) {
    const bool is_last = i + 1 == borders.size();
    const uint32_t end = is_last ? num_layers : borders[i + 1];
    const uint32_t flags = (i == 0 ? SKEIN_SEGMENT_EMBEDDING : 0) | (is_last ? SKEIN_SEGMENT_HEAD : 0);
    skein_segment_desc desc = DescribeSegment(model, borders[i], end - borders[i], flags | options.flags);
    desc.compute_type = options.compute_type;
    desc.num_slots = options.num_slots;
    desc.max_tokens = options.max_tokens;
    desc.max_entries = options.max_entries;
    segments_.push_back(std::make_unique<SegmentHandle>(*devices[i % devices.size()], desc));
    SegmentHandle& segment = *segments_.back();
    if (segment.status() != SKEIN_OK || !segment.Load(TensorsOf(model, desc))) Fail("segment", segment.message());
  }
}

int32_t Pipeline::Step(std::vector<Entry>& entries) {
  const skein_backend_model& m = model_.model();
  std::vector<uint32_t> tokens;
  std::vector<skein_step_entry> raw(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    const uint32_t num_tokens = static_cast<uint32_t>(entry.tokens.size());
    const uint32_t width = entry.output == SKEIN_STEP_HIDDEN ? m.d_model : m.vocab_size;
    entry.rows.assign(entry.output == SKEIN_STEP_NO_OUTPUT ? 0 : size_t{num_tokens - entry.output_start} * width, -1);
    raw[i].read_slot = entry.read_slot;
    raw[i].write_slot = entry.write_slot;
    raw[i].first_token = static_cast<uint32_t>(tokens.size());
    raw[i].num_tokens = num_tokens;
    raw[i].output_start = entry.output_start;
    tokens.insert(tokens.end(), entry.tokens.begin(), entry.tokens.end());
  }
  std::vector<float> carries[2][2];  // before and after a segment
  for (auto& sides : carries) {
    for (auto& carry : sides) carry.assign(tokens.size() * m.d_model, 0);
  }

  for (size_t s = 0; s < segments_.size(); ++s) {
    const bool is_last = s + 1 == segments_.size();
    for (size_t i = 0; i < entries.size(); ++i) {
      raw[i].status = -1;
      raw[i].output = is_last ? entries[i].output : SKEIN_STEP_NO_OUTPUT;
      raw[i].output_rows = is_last && !entries[i].rows.empty() ? entries[i].rows.data() : nullptr;
    }
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(tokens.size());
    step.num_entries = static_cast<uint32_t>(raw.size());
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens.data();
    step.entries = raw.data();
    for (uint32_t carry = 0; carry < num_carries_; ++carry) {
      if (s > 0) step.carries_in[carry] = carries[s % 2][carry].data();
      if (!is_last) step.carries_out[carry] = carries[(s + 1) % 2][carry].data();
    }
    const bool is_done = segments_[s]->Step(step);
    message_ = segments_[s]->message();
    if (!is_done) return segments_[s]->status();
  }
  for (size_t i = 0; i < entries.size(); ++i) entries[i].status = raw[i].status;
  return SKEIN_OK;
}

std::vector<float> Pipeline::Feed(uint32_t slot, const std::vector<uint32_t>& tokens, size_t chunk, uint32_t from,
                                  uint32_t output) {
  std::vector<float> rows;
  for (size_t first = 0; first < tokens.size(); first += chunk) {
    const size_t count = std::min(chunk, tokens.size() - first);
    std::vector<Entry> entries = {{.read_slot = first == 0 ? from : slot,
                                   .write_slot = slot,
                                   .tokens = {tokens.begin() + static_cast<ptrdiff_t>(first),
                                              tokens.begin() + static_cast<ptrdiff_t>(first + count)},
                                   .output = output}};
    const int32_t status = Step(entries);
    if (status != SKEIN_OK || entries[0].status != SKEIN_OK) Fail("step", message_);
    rows.insert(rows.end(), entries[0].rows.begin(), entries[0].rows.end());
  }
  return rows;
}

std::vector<float> Pipeline::Export(uint32_t slot) {
  std::vector<float> state;
  for (const auto& segment : segments_) {
    std::vector<float> part(segment->StateFloats());
    if (!segment->Export(slot, part)) Fail("state_export", segment->message());
    state.insert(state.end(), part.begin(), part.end());
  }
  return state;
}

void Pipeline::Import(uint32_t slot, const std::vector<float>& state) {
  auto part = state.begin();
  for (const auto& segment : segments_) {
    const auto end = part + static_cast<ptrdiff_t>(segment->StateFloats());
    if (!segment->Import(slot, {part, end})) Fail("state_import", segment->message());
    part = end;
  }
}

skein_segment_work Pipeline::Work() {
  skein_segment_work total = {};
  for (const auto& segment : segments_) {
    skein_segment_work work;
    if (!segment->Work(work)) Fail("segment_work", segment->message());
    total.multiplications += work.multiplications;
    total.library_multiplications += work.library_multiplications;
    std::copy(std::begin(work.library), std::end(work.library), total.library);
  }
  return total;
}

void Pipeline::Init(uint32_t slot) {
  for (const auto& segment : segments_) {
    if (!segment->Init(slot)) Fail("state_init", segment->message());
  }
}

void Pipeline::Discard(uint32_t slot) {
  for (const auto& segment : segments_) {
    if (!segment->Discard(slot)) Fail("state_discard", segment->message());
  }
}

void Pipeline::Copy(uint32_t from_slot, uint32_t to_slot) {
  for (const auto& segment : segments_) {
    if (!segment->Copy(from_slot, to_slot)) Fail("state_copy", segment->message());
  }
}

}  // namespace skein::conformance
