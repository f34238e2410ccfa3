// The C ABI of skein, an inference SDK for RWKV language models. Plain C (C99 to C17, and C++).
//
// A text, in seven calls: skein_runtime_create, skein_model_load, skein_stream_create, skein_queue_create,
// skein_request_create (+ set_prompt), skein_queue_submit, skein_queue_poll. See samples/embed-c.
#ifndef SKEIN_SKEIN_H_
#define SKEIN_SKEIN_H_

#include "skein/base.h"
#include "skein/chat.h"
#include "skein/dtype.h"
#include "skein/history.h"
#include "skein/model.h"
#include "skein/options.h"
#include "skein/prefix.h"
#include "skein/request.h"
#include "skein/runtime.h"
#include "skein/schedule.h"
#include "skein/score.h"
#include "skein/status.h"
#include "skein/stream.h"
#include "skein/tokenizer.h"

#endif  // SKEIN_SKEIN_H_
