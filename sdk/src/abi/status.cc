// skein/status.h and skein/base.h.
#include "skein/status.h"

#include "skein/base.h"

const char* skein_version(void) { return SKEIN_VERSION_STRING; }

const char* skein_status_name(skein_status status) {
  switch (status) {
#define SKEIN_NAME(code) \
  case SKEIN_##code:     \
    return #code
    SKEIN_NAME(OK);
    SKEIN_NAME(CANCELLED);
    SKEIN_NAME(UNKNOWN);
    SKEIN_NAME(INVALID_ARGUMENT);
    SKEIN_NAME(DEADLINE_EXCEEDED);
    SKEIN_NAME(NOT_FOUND);
    SKEIN_NAME(ALREADY_EXISTS);
    SKEIN_NAME(PERMISSION_DENIED);
    SKEIN_NAME(RESOURCE_EXHAUSTED);
    SKEIN_NAME(FAILED_PRECONDITION);
    SKEIN_NAME(ABORTED);
    SKEIN_NAME(OUT_OF_RANGE);
    SKEIN_NAME(UNIMPLEMENTED);
    SKEIN_NAME(INTERNAL);
    SKEIN_NAME(UNAVAILABLE);
    SKEIN_NAME(DATA_LOSS);
    SKEIN_NAME(UNAUTHENTICATED);
    SKEIN_NAME(INVALID_HANDLE);
#undef SKEIN_NAME
    default:
      return "UNKNOWN_CODE";
  }
}
