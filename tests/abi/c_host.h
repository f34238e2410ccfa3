/* A host of the C ABI in C99, for the parts of abi_c_test: expectations, a world with one object of each kind, and a
 * table of every function that takes a handle. */
#ifndef SKEIN_TESTS_ABI_C_HOST_H_
#define SKEIN_TESTS_ABI_C_HOST_H_

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "skein/skein.h"

extern int num_failures;

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      ++num_failures;                                                          \
      fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
    }                                                                          \
  } while (0)

/* A call and the status it must have; the message of a failure is shown. The call uses the variable `error`. */
#define EXPECT_STATUS(expected, call) expect_status(__FILE__, __LINE__, #call, (expected), (call), &error)
#define EXPECT_OK(call) EXPECT_STATUS(SKEIN_OK, call)
void expect_status(const char* file, int line, const char* what, skein_status expected, skein_status found,
                   const skein_error* error);

/* A set-up step: nothing can go on without it. */
#define NEED(call) need((call), &error, #call)
void need(skein_status status, const skein_error* error, const char* what);

/* --- one of everything --- */

enum { RUNTIME, OPTIONS, MODEL, TOKENIZER, STREAM, QUEUE, REQUEST, PREFIX, NUM_KINDS };

/* Live handles as numbers, by kind; 0 where there is none. */
typedef struct world {
  uintptr_t handle[NUM_KINDS];
} world;

skein_runtime runtime_of(const world* w);
skein_model model_of(const world* w);
skein_tokenizer tokenizer_of(const world* w);
skein_stream stream_of(const world* w);
skein_queue queue_of(const world* w);
skein_request request_of(const world* w);
skein_prefix prefix_of(const world* w);

/* `model_path` NULL: without model, stream, request and prefix. */
world make_world(const char* model_path);
skein_status release(int kind, uintptr_t handle, skein_error* error);
void release_world(const world* w);

/* Options of a conversation in the template "world". */
skein_options world_chat(void);

/* --- every function that takes a handle, called with good arguments but for the handle --- */

typedef struct function {
  const char* name;
  int kind; /* of the handle it takes */
  skein_status (*call)(uintptr_t value, skein_error* error);
} function;

extern const function functions[];
extern const size_t num_functions;
const function* find_function(const char* name);

/* Good arguments. */
extern skein_token one_token[1];
extern char scratch[65536];
extern uint64_t size_out;
extern uint32_t number_out;
extern void* handle_out; /* where a handle would be written: typed pointers are of one size and form here */

/* --- parts of abi_c_test that need a model --- */

void test_streams(const char* model_path);
void test_stream_limit(const char* model_path);
void test_foreign_queue(const char* model_path);
void test_requests(const char* model_path);
void test_chat(const char* model_path);

#endif /* SKEIN_TESTS_ABI_C_HOST_H_ */
