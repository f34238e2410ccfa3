/* A plugin that prints and then ends the process with success when it is asked. */
#include <stdio.h>
#include <stdlib.h>

#include "skein/plugin.h"

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)offer;
  (void)answer;
  (void)message;
  printf("{\"loaded\": true}\n");
  exit(0);
}
