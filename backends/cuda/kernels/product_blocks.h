// How the products of a list share one launch: each has a run of blocks, and a block finds its product by its index.
// For the kernels of products alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_BLOCKS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_BLOCKS_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/products.h"

namespace skein::cuda {

// An argument of kernels. Plain arrays, since members of std::array are not for device code.
struct ProductBlocks {
  DeviceProduct products[kMaxProducts];
  uint32_t first_blocks[kMaxProducts];  // of each product
  uint32_t num_blocks[kMaxProducts];
  uint32_t count;
};

// Numbers the blocks of the products, each with `block_outputs` outputs; the last block of a product may have fewer.
inline ProductBlocks BlocksOf(const ProductList& list, uint32_t block_outputs) {
  ProductBlocks blocks = {};
  uint32_t next = 0;
  for (uint32_t i = 0; i < list.count; ++i) {
    blocks.products[i] = list.products[i];
    blocks.first_blocks[i] = next;
    blocks.num_blocks[i] = (list.products[i].weight.num_rows + block_outputs - 1) / block_outputs;
    next += blocks.num_blocks[i];
  }
  blocks.count = list.count;
  return blocks;
}

inline uint32_t NumBlocks(const ProductBlocks& blocks) {
  if (blocks.count == 0) return 0;
  return blocks.first_blocks[blocks.count - 1] + blocks.num_blocks[blocks.count - 1];
}

// Whether a list is what its comment says, and each product's shapes fit together.
inline bool IsConsistent(const ProductList& list) {
  if (list.count > kMaxProducts) return false;
  for (uint32_t i = 0; i < list.count; ++i) {
    const DeviceProduct& product = list.products[i];
    const DeviceProduct& first = list.products[0];
    if (product.in.count != first.in.count || product.out.count != first.in.count) return false;
    if (product.weight.type != first.weight.type) return false;
    if (product.in.width != product.weight.num_columns || product.out.width != product.weight.num_rows) return false;
  }
  return true;
}

// The index of the product that a block works for.
__device__ __forceinline__ uint32_t ProductOf(const ProductBlocks& blocks, uint32_t block) {
  uint32_t product = 0;
  for (uint32_t i = 1; i < blocks.count; ++i) {
    if (block >= blocks.first_blocks[i]) product = i;
  }
  return product;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_BLOCKS_H_
