/* A plugin that dies of a signal when it is asked. */
#include <signal.h>

#include "skein/plugin.h"

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)offer;
  (void)answer;
  (void)message;
  /* The process ends by the signal, even if a sanitizer has installed a handler. */
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return SKEIN_INTERNAL;
}
