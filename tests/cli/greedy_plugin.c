/* A backend that lists devices under names that it cannot have, and computes nothing. */
#include <skein/backend.h>
#include <string.h>

static const char* const names[] = {"cpu", "a=b,c", "", "\xFF"};

static int32_t device_count(uint32_t* count, skein_message* message) {
  (void)message;
  *count = sizeof(names) / sizeof(names[0]);
  return SKEIN_OK;
}

static int32_t device_info(uint32_t index, skein_backend_device* info, skein_message* message) {
  (void)message;
  strcpy(info->name, names[index]);
  info->rank = 1000;
  return SKEIN_OK;
}

static int32_t refuse(void) { return SKEIN_UNIMPLEMENTED; }

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  static skein_backend_table table;
  int32_t (*function)(void) = refuse;
  void** member;
  (void)message;
  table.struct_size = sizeof(table);
  /* Every required function; none but the first two is ever called. */
  for (member = (void**)&table.device_count; member <= (void**)&table.step; ++member) {
    memcpy(member, &function, sizeof(function));
  }
  table.device_count = device_count;
  table.device_info = device_info;
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_BACKEND;
  answer->id = "greedy";
  answer->version = "1\xFF";
  answer->table = &table;
  return SKEIN_OK;
}
