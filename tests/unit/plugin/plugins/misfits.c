/* Plugins that do not fit, one by each definition of MISFIT: a host must refuse each with a reason. */
#define SKEIN_BUILDING_PLUGIN 1
#include <skein/backend.h>
#include <string.h>

#if MISFIT == 1 /* speaks another ABI */
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max + 7;
  answer->kind = SKEIN_PLUGIN_TOKENIZER;
  answer->id = "from-the-future";
  answer->version = "9.0.0";
  return SKEIN_OK;
}
#elif MISFIT == 2                 /* a table that is too short */
static const skein_backend_table table = {.struct_size = 40};
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_BACKEND;
  answer->id = "short-table";
  answer->table = &table;
  return SKEIN_OK;
}
#elif MISFIT == 3                 /* a required function is missing */
static const skein_backend_table table = {.struct_size = sizeof(skein_backend_table)};
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_BACKEND;
  answer->id = "no-functions";
  answer->table = &table;
  return SKEIN_OK;
}
#elif MISFIT == 4                 /* declines */
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)offer;
  (void)answer;
  strcpy(message->text, "needs a machine with two moons");
  return SKEIN_FAILED_PRECONDITION;
}
#elif MISFIT == 5                 /* an id that is none */
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_BACKEND;
  answer->id = "../Escape";
  return SKEIN_OK;
}
#elif MISFIT == 6                 /* not a plugin at all */
int not_a_plugin(void);
int not_a_plugin(void) { return 6; }
#elif MISFIT == 7                 /* a kind that does not exist */
static const uint32_t table[64] = {sizeof(table)};
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max;
  answer->kind = 99;
  answer->id = "kindless";
  answer->table = table;
  return SKEIN_OK;
}
#elif MISFIT == 8                 /* declares more threads than any machine has a use for */
static const skein_tokenizer_table table = {.struct_size = sizeof(skein_tokenizer_table)};
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_TOKENIZER;
  answer->id = "threads";
  answer->num_threads = 0xFFFFFFFFu;
  answer->table = &table;
  return SKEIN_OK;
}
#elif MISFIT == 9 || MISFIT >= 11 /* steps, exports or imports that cannot be waited for */
static int32_t any(void) { return SKEIN_UNIMPLEMENTED; }
static skein_backend_table table = {.struct_size = sizeof(skein_backend_table)};
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)message;
  /* Every function up to the last one; none is ever called. */
  void** member = (void**)&table.device_count;
  void** const last = MISFIT == 9 ? (void**)&table.fence_done : (void**)&table.step;
  int32_t (*function)(void) = any;
  for (; member <= last; ++member) memcpy(member, &function, sizeof(function));
  if (MISFIT == 11) memcpy(&table.state_export_begin, &function, sizeof(function));
  if (MISFIT == 12) memcpy(&table.state_import_begin, &function, sizeof(function));
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_BACKEND;
  answer->id = MISFIT == 9 ? "half-fences" : "endless-moves";
  answer->table = &table;
  return SKEIN_OK;
}
#elif MISFIT == 10                /* declines with a message that has no end */
int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  (void)offer;
  (void)answer;
  memset(message->text, 'x', sizeof(message->text));
  return SKEIN_FAILED_PRECONDITION;
}
#endif
