// A stranger's tokenizer plugin, built against the installed headers alone: every byte is the token 0.
#define SKEIN_BUILDING_PLUGIN 1
#include <skein/plugin.h>

namespace {

const skein_tokenizer_table kTable = {
    .struct_size = sizeof(skein_tokenizer_table),
    .reserved = 0,
    .probe = [](const uint8_t*, uint64_t) -> uint32_t { return 0; },
    .create = [](const skein_host*, const uint8_t*, uint64_t, void**, skein_message*) -> int32_t {
      return SKEIN_UNIMPLEMENTED;
    },
    .destroy = [](void*) {},
    .vocab_size = [](void*) -> uint32_t { return 1; },
    .encode = [](void*, const uint8_t*, uint64_t, uint32_t*, uint64_t, uint64_t*, skein_message*) -> int32_t {
      return SKEIN_UNIMPLEMENTED;
    },
    .decode = [](void*, const uint32_t*, uint64_t, uint8_t*, uint64_t, uint64_t*, skein_message*) -> int32_t {
      return SKEIN_UNIMPLEMENTED;
    },
};

}  // namespace

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message*) {
  answer->abi = offer->abi_max;
  answer->kind = SKEIN_PLUGIN_TOKENIZER;
  answer->id = "stranger";
  answer->version = "0.1";
  answer->description = "a stranger's tokenizer";
  answer->table = &kTable;
  return SKEIN_OK;
}
