// Hands requests over to the engines of their models.
#ifndef SKEIN_SERVING_SUBMIT_H_
#define SKEIN_SERVING_SUBMIT_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "serving/completion_queue.h"
#include "serving/request.h"

namespace skein {

// Submits all of the requests, or none; see skein_queue_submit. Requests of one model share their first step.
absl::Status Submit(absl::Span<const std::shared_ptr<Request>> requests, const std::shared_ptr<CompletionQueue>& queue);

}  // namespace skein

#endif  // SKEIN_SERVING_SUBMIT_H_
