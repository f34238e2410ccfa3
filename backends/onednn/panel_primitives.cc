#include "onednn/panel_primitives.h"

#include <sys/auxv.h>

#include <algorithm>
#include <string_view>

#include "onednn/caller_environment.h"
#include "onednn/packed_matrix.h"

namespace skein::onednn {
namespace {

using Type = PanelPrimitives::Type;

dnnl::engine CpuEngine() { return {dnnl::engine::kind::cpu, 0}; }

// `engine` outlives the plan. Throws dnnl::error if oneDNN has only its reference loops, which are slower than ours.
dnnl::matmul::primitive_desc Plan(const dnnl::engine& engine, Type type, uint32_t num_inputs, uint32_t rows) {
  using Tag = dnnl::memory::format_tag;
  const bool is_f32 = type == Type::kF32;
  const auto data_type = is_f32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
  const dnnl::memory::desc x({rows, num_inputs}, data_type, Tag::ab);
  const dnnl::memory::desc panel({num_inputs, kPanelWidth}, data_type, is_f32 ? Tag::BA16a64b : Tag::BA16a64b2a);
  const dnnl::memory::desc tile({rows, kPanelWidth}, dnnl::memory::data_type::f32, Tag::ab);
  // oneDNN's own scratchpad belongs to the primitive, so that two threads could not run it at once.
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  dnnl::matmul::primitive_desc plan(engine, x, panel, tile, attributes);
#else
  dnnl::matmul::primitive_desc plan(dnnl::matmul::desc(x, panel, tile), attributes, engine);
#endif
  if (std::string_view(plan.impl_info_str()).starts_with("ref")) {
    throw dnnl::error(dnnl_unimplemented, "only the reference implementation");
  }
  return plan;
}

}  // namespace

PanelPrimitives::PanelPrimitives(const skein_host& host, Type type, std::span<const uint32_t> num_inputs)
    : engine_(CpuEngine()), stream_(engine_), scratchpad_(host, ScratchpadBytes(type, num_inputs), "a scratchpad") {
  for (const uint32_t inputs : num_inputs) {
    try {
      std::array<BoundPrimitive, kRowCounts.size()> entries;
      std::transform(kRowCounts.begin(), kRowCounts.end(), entries.begin(),
                     [&](uint32_t rows) { return MakePrimitive(type, inputs, rows); });
      primitives_.insert_or_assign(inputs, std::move(entries));
    } catch (const dnnl::error&) {
      // Not on this processor: products of this width run without oneDNN.
    }
  }
}

PanelPrimitives::BoundPrimitive PanelPrimitives::MakePrimitive(Type type, uint32_t num_inputs, uint32_t rows) {
  const dnnl::matmul::primitive_desc plan = Plan(engine_, type, num_inputs, rows);
  const auto memory = [this](const dnnl::memory::desc& desc, void* data) { return dnnl::memory(desc, engine_, data); };
  return {dnnl::matmul(plan),
          {{DNNL_ARG_SRC, memory(plan.src_desc(), nullptr)},
           {DNNL_ARG_WEIGHTS, memory(plan.weights_desc(), nullptr)},
           {DNNL_ARG_DST, memory(plan.dst_desc(), nullptr)},
           {DNNL_ARG_SCRATCHPAD, memory(plan.scratchpad_desc(), scratchpad_.data())}}};
}

void PanelPrimitives::LimitTo(Tier tier) {
  switch (tier) {
    case Tier::kGeneric:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::sse41);
      break;
    case Tier::kAvx2:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
      break;
    case Tier::kAvx512:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core);
      break;
    case Tier::kAvx512Vnni:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_vnni);
      break;
    case Tier::kAvx512Bf16:
      dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_bf16);
      break;
    case Tier::kAmx:
      break;
  }
}

void PanelPrimitives::PrepareLibrary() {
  [[maybe_unused]] static const bool is_prepared = [] {
    const CallerEnvironment environment;
    // oneDNN reads the environment too, and has it to write files. The caller of a set-user-id program may not say
    // that.
    if (getauxval(AT_SECURE) != 0) {
      dnnl::set_verbose(0);
      dnnl::set_jit_dump(0);
      dnnl::set_jit_profiling_flags(DNNL_JIT_PROFILE_NONE);
    }
    dnnl::get_primitive_cache_capacity();
    // Planning is enough, and over in a tenth of a millisecond.
    for (const Type type : {Type::kF32, Type::kBf16}) {
      try {
        Plan(CpuEngine(), type, kPanelWidth, kRowCounts.back());
      } catch (const dnnl::error&) {
        // Not on this processor, so that it is not used later either.
      }
    }
    return true;
  }();
}

uint64_t PanelPrimitives::ScratchpadBytes(Type type, std::span<const uint32_t> num_inputs) {
  const dnnl::engine engine = CpuEngine();
  uint64_t bytes = 0;
  for (const uint32_t inputs : num_inputs) {
    try {
      for (const uint32_t rows : kRowCounts) {
        bytes = std::max<uint64_t>(bytes, Plan(engine, type, inputs, rows).scratchpad_desc().get_size());
      }
    } catch (const dnnl::error&) {
      // As above.
    }
  }
  return bytes;
}

bool PanelPrimitives::Run(uint32_t num_inputs, uint32_t rows, const void* x, const std::byte* panel,
                          float* tile) noexcept {
  try {
    const auto row_count = std::find(kRowCounts.begin(), kRowCounts.end(), rows);
    BoundPrimitive& entry = primitives_.at(num_inputs)[static_cast<size_t>(row_count - kRowCounts.begin())];
    // oneDNN takes its inputs without const, and does not write to them.
    entry.arguments[DNNL_ARG_SRC].set_data_handle(const_cast<void*>(x));
    entry.arguments[DNNL_ARG_WEIGHTS].set_data_handle(const_cast<std::byte*>(panel));
    entry.arguments[DNNL_ARG_DST].set_data_handle(tile);
    entry.primitive.execute(stream_, entry.arguments);
    stream_.wait();
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace skein::onednn
