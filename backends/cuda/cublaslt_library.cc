#include "cuda/cublaslt_library.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <type_traits>

namespace skein::cuda::cublaslt {
namespace {

// As versions of CUDA call it, the newest first.
constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

// A toolkit is where its own variables say, or where its installer puts it. A program that runs with more rights than
// its caller does not ask the caller.
std::vector<std::string> Folders() {
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_PATH", "CUDA_HOME"}) {
    const char* const toolkit = secure_getenv(variable);
    if (toolkit != nullptr && toolkit[0] == '/') folders.push_back(std::string(toolkit) + "/lib64/");
  }
  folders.emplace_back("/usr/local/cuda/lib64/");
  return folders;
}

void* Open(const std::vector<std::string>& names, std::string& why_not) {
  why_not.clear();
  for (const std::string& name : names) {
    void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library != nullptr) return library;
    // The first one says what the loader missed.
    if (why_not.empty()) why_not = std::string("cuBLASLt: expected one of its libraries, found none: ") + dlerror();
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> LibraryNames() {
  std::vector<std::string> names;
  for (const char* name : kNames) {
    names.emplace_back(name);
    for (const std::string& folder : Folders()) names.push_back(folder + name);
  }
  return names;
}

bool FindLibrary(const std::vector<std::string>& names, Api& api, std::string& why_not) {
  void* const library = Open(names, why_not);
  if (library == nullptr) return false;
  why_not.clear();
  const auto find = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr && why_not.empty()) why_not = std::string("cuBLASLt: no function ") + name;
  };
  find("cublasLtGetVersion", api.get_version);
  find("cublasLtCreate", api.create);
  find("cublasLtDestroy", api.destroy);
  find("cublasLtMatmulDescCreate", api.matmul_desc_create);
  find("cublasLtMatmulDescDestroy", api.matmul_desc_destroy);
  find("cublasLtMatmulDescSetAttribute", api.matmul_desc_set_attribute);
  find("cublasLtMatrixLayoutCreate", api.matrix_layout_create);
  find("cublasLtMatrixLayoutDestroy", api.matrix_layout_destroy);
  find("cublasLtMatmulPreferenceCreate", api.preference_create);
  find("cublasLtMatmulPreferenceDestroy", api.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", api.preference_set_attribute);
  find("cublasLtMatmulAlgoGetHeuristic", api.get_heuristic);
  find("cublasLtMatmul", api.matmul);
  return why_not.empty();
}

}  // namespace skein::cuda::cublaslt
