// The float's side of operations that integers have too. `type` is one of a float.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_FLOAT_ARITHMETIC_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_FLOAT_ARITHMETIC_H_

#include "decoder.h"

namespace skein::emulator::ptx {

void DecodeFloatAdd(Decoder& decoder, Type type);
void DecodeFloatSub(Decoder& decoder, Type type);
void DecodeFloatMul(Decoder& decoder, Type type);
void DecodeFloatDiv(Decoder& decoder, Type type);
void DecodeFloatMin(Decoder& decoder, Type type);
void DecodeFloatMax(Decoder& decoder, Type type);
void DecodeFloatNeg(Decoder& decoder, Type type);
void DecodeFloatAbs(Decoder& decoder, Type type);
void DecodeFma(Decoder& decoder);

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_FLOAT_ARITHMETIC_H_
