// Where NVIDIA's cuBLASLt is found at run time, and its functions (cublaslt_api.h). The library stays open for good: it
// may have handlers at the end of the process.
#ifndef SKEIN_BACKENDS_CUDA_CUBLASLT_LIBRARY_H_
#define SKEIN_BACKENDS_CUDA_CUBLASLT_LIBRARY_H_

#include <string>
#include <vector>

#include "cuda/cublaslt_api.h"

namespace skein::cuda::cublaslt {

// What is tried, in this order: names, which the loader looks for in its own folders, and paths in the folders of
// toolkits. Not every toolkit tells the loader of its folder.
std::vector<std::string> LibraryNames();

// Opens the first of `names` that there is, and finds its functions. False, with one line in `why_not`: there is none,
// or it lacks a function.
bool FindLibrary(const std::vector<std::string>& names, Api& api, std::string& why_not);

}  // namespace skein::cuda::cublaslt

#endif  // SKEIN_BACKENDS_CUDA_CUBLASLT_LIBRARY_H_
