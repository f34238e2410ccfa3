#include "cuda/library_products.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "cuda/product_choice.h"
#include "kit/checked_product.h"
#include "kit/tensor_intake.h"

namespace skein::cuda {
namespace {

// From a row of rounded inputs to the next.
uint32_t StrideOf(uint32_t num_inputs) { return (num_inputs + 7) / 8 * 8; }

uint64_t InputElements(const skein_segment_desc& desc) {
  uint64_t widest = 0;
  for (const kit::ExpectedTensor& tensor : kit::ExpectedTensors(desc)) {
    if (tensor.use == kit::Use::kMatrix) widest = std::max(widest, tensor.shape[1]);
  }
  return kit::CheckedProduct(desc.max_tokens, StrideOf(static_cast<uint32_t>(widest)));
}

}  // namespace

std::unique_ptr<LibraryProducts> LibraryProducts::Open(uint32_t device, const skein_segment_desc& desc,
                                                       std::string& why_not) {
  std::unique_ptr<CublasLt> library = CublasLt::Open("", why_not);
  if (library == nullptr) return nullptr;
  return std::unique_ptr<LibraryProducts>(new LibraryProducts(device, desc, std::move(library)));
}

LibraryProducts::LibraryProducts(uint32_t device, const skein_segment_desc& desc, std::unique_ptr<CublasLt> library)
    : library_(std::move(library)), inputs_(device, InputElements(desc), "rounded inputs") {}

uint64_t LibraryProducts::Bytes(const skein_segment_desc& desc) {
  return CublasLt::kWorkspaceBytes + DeviceArray<uint16_t>::Bytes(InputElements(desc));
}

void LibraryProducts::Choose(cudaStream_t stream, const MatrixView& weight, uint32_t most_rows, float* out) {
  // The library's choices go by powers of two.
  for (uint32_t num_rows = std::bit_ceil(kLeastLibraryRows); num_rows / 2 < most_rows; num_rows *= 2) {
    library_->Choose(stream, {.weight = weight,
                              .in = inputs_.data(),
                              .num_rows = std::min(num_rows, most_rows),
                              .in_stride = StrideOf(weight.num_columns),
                              .out = out});
  }
}

bool LibraryProducts::Multiply(const Queue& queue, const DeviceProduct& product, Inputs inputs) {
  const bool is_rounded = product.rounded_in.data != nullptr && product.rounded_in.inputs == inputs;
  const uint16_t* const in = is_rounded ? product.rounded_in.data : inputs_.data();
  if (!is_rounded && RoundRows(queue, product.in, inputs, inputs_.data()) != cudaSuccess) return false;
  const bool is_taken = library_->Multiply(queue.stream, {.weight = product.weight,
                                                          .in = in,
                                                          .num_rows = product.in.count,
                                                          .in_stride = StrideOf(product.in.width),
                                                          .out = product.out.data,
                                                          .is_added = product.then == kit::Then::kAdd});
  if (!is_taken) return false;
  if (!IsFinishedBehind(product.then)) return true;
  return FinishProduct(queue, product.out, product.then, product.out, product.rounded_out) == cudaSuccess;
}

}  // namespace skein::cuda
