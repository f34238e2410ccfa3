// Element types and layouts of tensors: in checkpoints, in packages and at the plugin boundary. The numbers never
// change.
#ifndef SKEIN_DTYPE_H_
#define SKEIN_DTYPE_H_

#include "skein/base.h"

#define SKEIN_DTYPE_NONE 0  // no type, or one that is not in this list
#define SKEIN_DTYPE_F32 1   // IEEE binary32
#define SKEIN_DTYPE_F16 2   // IEEE binary16
#define SKEIN_DTYPE_BF16 3  // upper half of a binary32
#define SKEIN_DTYPE_F64 4   // in checkpoints only
#define SKEIN_DTYPE_U8 5    // in checkpoints only

// Quantised matrices as the SDK hands them to backends: each row of K elements in groups, a group's scale before its
// codes. K is padded with zero codes to whole groups; rows follow each other without gaps.
//   Q8: groups of 128: one binary16 scale d, then 128 signed bytes c; x = d * c
//   Q4: groups of 64: one binary16 scale d, then 32 bytes, byte j holding code 2j in its low and 2j+1 in its high
//       nibble, codes 0 to 15; x = d * (c - 8)
#define SKEIN_DTYPE_Q8 16
#define SKEIN_DTYPE_Q4 17

// Layouts of a matrix [N outputs, K inputs] in memory.
//   ROWS: row after row.
//   PANELS: 64 rows beside each other, then the next 64, so that a kernel that multiplies by 64 rows at a time
//       reads one stream. The last panel is filled up with rows of zeros. In a panel, o being the row (0 to 63):
//         F32: [K, up to a multiple of 16][64]: input, then o
//         F16: [K][64]: input, then o
//         BF16: [K / 2, up to a multiple of 16][64][2]: pair of inputs, then o, then which of the pair
//         Q8: per group of 128 inputs the 64 scales, then 32 steps [64][4]: o, then 4 inputs in a row, a byte each that
//             holds the code + 128
//         Q4: per group of 64 inputs the 64 scales, then 8 steps [64][4]: o, then 4 bytes for 8 inputs in a row, byte j
//             holding the code of input j in its low nibble and that of input 4 + j in its high one
//       Inputs beyond K are 0; in Q8 and Q4 they have the code of 0. Rows that fill up a panel are 0; in Q8 and Q4
//       all their bytes are 0, scales too.
#define SKEIN_LAYOUT_ROWS 0
#define SKEIN_LAYOUT_PANELS 1

// Block types of GGML files, in checkpoints only. A block lies along the input dimension. It has 32 elements, and 256
// in IQ4_XS and the types with K.
#define SKEIN_DTYPE_GGML_Q4_0 32
#define SKEIN_DTYPE_GGML_Q4_1 33
#define SKEIN_DTYPE_GGML_Q5_0 34
#define SKEIN_DTYPE_GGML_Q5_1 35
#define SKEIN_DTYPE_GGML_Q8_0 36
#define SKEIN_DTYPE_GGML_Q4_K 37
#define SKEIN_DTYPE_GGML_Q5_K 38
#define SKEIN_DTYPE_GGML_Q6_K 39
#define SKEIN_DTYPE_GGML_Q2_K 40
#define SKEIN_DTYPE_GGML_Q3_K 41
#define SKEIN_DTYPE_GGML_IQ4_NL 42
#define SKEIN_DTYPE_GGML_IQ4_XS 43
#define SKEIN_DTYPE_GGML_MXFP4 44

#endif  // SKEIN_DTYPE_H_
