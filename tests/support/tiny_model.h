// Complete checkpoints of a few hundred numbers, of every version and in every naming scheme. They are written by hand
// after the known formats, without the tables that are tested.
#ifndef SKEIN_TESTS_SUPPORT_TINY_MODEL_H_
#define SKEIN_TESTS_SUPPORT_TINY_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "files/naming/naming.h"
#include "model/config.h"
#include "numbers/roles.h"
#include "tests/support/fake_format.h"

namespace skein::testing {

inline constexpr VersionSet kEveryVersion[] = {kV4, kV50, kV51, kV52, kV6, kV7};

// "RWKV-5.2".
std::string VersionText(VersionSet version);

// L 2, C 8, V 5, N 4 (no two widths alike). RWKV-7: F 12, H 2, ranks 3, 2, 1, 6. Others: A 12, F 20, H 3; RWKV-6 has
// ranks 2 (mix) and 3 (decay), RWKV-4 no heads.
ModelConfig TinyConfig(VersionSet version = kV7);

// Its tensors in BlinkDL's names and shapes, float32. Every value is a multiple of 1/64, exact in float16 but not in
// bfloat16, and all of a tensor differ.
std::vector<FakeTensor> TinyBlinkDl(VersionSet version = kV7);

// The same models as others store them.
std::vector<FakeTensor> TinyRwkvCpp(VersionSet version = kV7);  // not 5.1; needs RwkvCppTexts unless it is RWKV-7
std::vector<FakeTensor> TinyWebRwkv(VersionSet version);        // 5.1 (as 5.2), 5.2, 6 and 7
std::vector<FakeTensor> TinyHuggingFace(VersionSet version);    // 4 to 6
std::vector<FakeTensor> TinyHuggingFace7();
enum class Mixes { kFused, kSplit };
std::vector<FakeTensor> TinyFla(Mixes mixes);
std::vector<FakeTensor> TinyGguf(VersionSet version, Mixes mixes = Mixes::kFused);  // 6 and 7; needs GgufTexts

// Metadata of their containers.
std::vector<ContainerText> RwkvCppTexts();
std::vector<ContainerText> GgufTexts(VersionSet version);

// Tuned matrices for every layer, in BlinkDL's names: [H, value, key].
std::vector<FakeTensor> TinyStates(VersionSet version);

std::vector<NamedShape> NamesOf(const std::vector<FakeTensor>& tensors);

// The tensor of that name; the test fails if there is none.
FakeTensor& Find(std::vector<FakeTensor>& tensors, const std::string& name);
void Remove(std::vector<FakeTensor>& tensors, const std::string& name);
std::vector<float> Floats(const FakeTensor& tensor);

// Exchanges the last two dimensions.
void Turn(FakeTensor* tensor);

}  // namespace skein::testing

#endif  // SKEIN_TESTS_SUPPORT_TINY_MODEL_H_
