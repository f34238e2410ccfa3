#include "cuda/cublaslt.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/cublaslt_library.h"
#include "tests/unit/backends/cuda/fake_cublaslt.h"
#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A library over emulated memory, and a folder for the file.
class CublasLtTest : public testing::Test {
 protected:
  CublasLtTest() {
    std::filesystem::remove_all(folder_);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    void* const library = dlopen(SKEIN_FAKE_CUBLASLT, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    fake_ = reinterpret_cast<FakeCublasLt* (*)()>(dlsym(library, "FakeCublasLtCounters"))();
    *fake_ = FakeCublasLt();
  }
  ~CublasLtTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<CublasLt> Open() {
    std::string why_not;
    std::unique_ptr<CublasLt> library = CublasLt::Open(SKEIN_FAKE_CUBLASLT, why_not);
    EXPECT_NE(library, nullptr) << why_not;
    return library;
  }

  // The rows of a case as the library wants them, which the queue has finished.
  CublasLt::Product ProductOf(const TestProduct& product_case, const DeviceArray<uint16_t>& rounded, Inputs inputs) {
    const DeviceProduct product = product_case.product();
    const uint32_t width = product.in.width;
    const bool is_float = inputs == Inputs::kF32;
    if (!is_float) {
      EXPECT_EQ(RoundRows(queue_.get(), product.in, inputs, rounded.get()), cudaSuccess);
    }
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    return {.weight = product.weight,
            .in = is_float ? static_cast<const void*>(product.in.data) : rounded.get(),
            .num_rows = product.in.count,
            .in_stride = is_float ? width : (width + 7) / 8 * 8,
            .out = product.out.data,
            .is_added = product.then == kit::Then::kAdd};
  }

  const std::string folder_ =
      testing::TempDir() + "cublaslt_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  FakeCublasLt* fake_ = nullptr;
  TestQueue queue_;
  const DeviceArray<uint16_t> rounded_{std::vector<uint16_t>(8192)};
};

TEST_F(CublasLtTest, ProductsOfEachTypeGiveTheSums) {
  const std::unique_ptr<CublasLt> library = Open();
  const std::pair<WeightType, Inputs> kTypes[] = {
      {WeightType::kF32, Inputs::kF32}, {WeightType::kF16, Inputs::kF16}, {WeightType::kBf16, Inputs::kBf16}};
  for (const auto& [type, inputs] : kTypes) {
    for (const kit::Then then : {kit::Then::kStore, kit::Then::kAdd}) {
      const TestProduct product(type, 76, 20, 70, then);
      EXPECT_TRUE(library->Multiply(queue_.get().stream, ProductOf(product, rounded_, inputs)));
      EXPECT_EQ(product.Difference(inputs), "") << NameOf(type);
    }
  }
}

TEST_F(CublasLtTest, TheFastestIsChosenAndKept) {
  const TestProduct product(WeightType::kF16, 64, 16, 64, kit::Then::kStore);
  fake_->delay = [] { usleep(20000); };
  {
    const std::unique_ptr<CublasLt> library = Open();
    library->Choose(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16));
    EXPECT_GT(fake_->num_runs[FakeCublasLt::kSlow], 0);
    library->Keep();
  }
  *fake_ = FakeCublasLt();
  const std::unique_ptr<CublasLt> library = Open();
  library->Choose(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16));
  EXPECT_TRUE(library->Multiply(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16)));
  EXPECT_EQ(fake_->num_searches, 0);
  EXPECT_EQ(fake_->num_runs[FakeCublasLt::kSlow], 0);
  EXPECT_EQ(fake_->num_runs[FakeCublasLt::kFast], 1);
}

TEST_F(CublasLtTest, RowsGoByPowersOfTwo) {
  const std::unique_ptr<CublasLt> library = Open();
  const TestProduct most(WeightType::kF16, 64, 16, 64, kit::Then::kStore);
  const TestProduct fewer(WeightType::kF16, 64, 16, 33, kit::Then::kStore);
  library->Choose(queue_.get().stream, ProductOf(most, rounded_, Inputs::kF16));
  const int num_searches = fake_->num_searches;
  EXPECT_TRUE(library->Multiply(queue_.get().stream, ProductOf(fewer, rounded_, Inputs::kF16)));
  EXPECT_EQ(fake_->num_searches, num_searches);
}

TEST_F(CublasLtTest, AnAlgorithmThatIsRefusedGivesWayToAnother) {
  const TestProduct product(WeightType::kF16, 64, 16, 64, kit::Then::kStore);
  const std::string file = [&] {
    const std::unique_ptr<CublasLt> library = Open();
    library->Choose(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16));
    library->Keep();
    return std::filesystem::directory_iterator(folder_ + "/skein")->path().string();
  }();
  Algorithms algorithms = ReadAlgorithmFile(file);
  ASSERT_EQ(algorithms.size(), 1u);
  algorithms.begin()->second = {77};
  ASSERT_TRUE(AddToAlgorithmFile(file, algorithms));
  const std::unique_ptr<CublasLt> library = Open();
  EXPECT_TRUE(library->Multiply(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16)));
  EXPECT_EQ(product.Difference(Inputs::kF16), "");
}

TEST_F(CublasLtTest, WithoutAnAlgorithmTheProductIsRefused) {
  const std::unique_ptr<CublasLt> library = Open();
  const TestProduct product(WeightType::kF16, 64, 16, 64, kit::Then::kStore);
  fake_->num_suggested = 1;  // the one that does not run
  library->Choose(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16));
  EXPECT_FALSE(library->Multiply(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16)));
}

TEST_F(CublasLtTest, CodesAndCrookedAddressesAreNotForTheLibrary) {
  const std::unique_ptr<CublasLt> library = Open();
  const TestProduct codes(WeightType::kQ8, 64, 16, 64, kit::Then::kStore);
  EXPECT_FALSE(library->Multiply(queue_.get().stream, ProductOf(codes, rounded_, Inputs::kBf16)));
  const TestProduct halves(WeightType::kF16, 64, 16, 63, kit::Then::kStore);
  CublasLt::Product crooked = ProductOf(halves, rounded_, Inputs::kF16);
  crooked.in = rounded_.get() + 1;
  EXPECT_FALSE(library->Multiply(queue_.get().stream, crooked));
}

TEST_F(CublasLtTest, EveryObjectIsDestroyed) {
  {
    const std::unique_ptr<CublasLt> library = Open();
    const TestProduct product(WeightType::kF16, 64, 16, 64, kit::Then::kStore);
    library->Choose(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16));
    EXPECT_TRUE(library->Multiply(queue_.get().stream, ProductOf(product, rounded_, Inputs::kF16)));
    EXPECT_GT(fake_->num_objects, 0);
  }
  EXPECT_EQ(fake_->num_objects, 0);
}

TEST_F(CublasLtTest, ALibraryThatIsNotThereIsNamed) {
  std::string why_not;
  EXPECT_EQ(CublasLt::Open("/no/such/library.so", why_not), nullptr);
  EXPECT_THAT(why_not, HasSubstr("/no/such/library.so"));
}

TEST_F(CublasLtTest, ItIsFoundInAToolkitThatTheLoaderDoesNotKnow) {
  const std::string library = folder_ + "/lib64/libcublasLt.so.13";
  std::filesystem::create_directories(folder_ + "/lib64");
  std::filesystem::copy_file(SKEIN_FAKE_CUBLASLT, library);
  setenv("CUDA_PATH", folder_.c_str(), 1);
  setenv("CUDA_HOME", "no/absolute/path", 1);
  const std::vector<std::string> names = cublaslt::LibraryNames();
  unsetenv("CUDA_PATH");
  unsetenv("CUDA_HOME");
  EXPECT_THAT(names,
              ElementsAre("libcublasLt.so.13", library, "/usr/local/cuda/lib64/libcublasLt.so.13", "libcublasLt.so.12",
                          folder_ + "/lib64/libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.12"));
  cublaslt::Api api = {};
  std::string why_not;
  EXPECT_TRUE(cublaslt::FindLibrary({"libof-no-toolkit.so.13", library}, api, why_not)) << why_not;
  EXPECT_EQ(api.get_version(), 130999u);
}

TEST_F(CublasLtTest, ALibraryOfAnotherKindIsNamedByWhatItLacks) {
  std::string why_not;
  EXPECT_EQ(CublasLt::Open("libc.so.6", why_not), nullptr);
  EXPECT_EQ(why_not, "cuBLASLt: no function cublasLtGetVersion");
}

TEST_F(CublasLtTest, ALibraryThatDoesNotStartGivesItsStatus) {
  fake_->start_status = 1;
  std::string why_not;
  EXPECT_EQ(CublasLt::Open(SKEIN_FAKE_CUBLASLT, why_not), nullptr);
  EXPECT_EQ(why_not, "cuBLASLt: status 1 on start");
}

}  // namespace
}  // namespace skein::cuda
