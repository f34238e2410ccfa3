#include "messages.h"

messages messages_at(arguments* args, int index) {
  messages turns = {NULL, 0};
  uint32_t length = 0;
  if (napi_get_array_length(args->env, args->at[index], &length) != napi_ok) return turns;
  turns.list = keep_memory(args, (length / 2 + 1) * sizeof(skein_chat_message));
  if (turns.list == NULL) return turns;
  for (; turns.count < length / 2; ++turns.count) {
    napi_value role, text;
    if (napi_get_element(args->env, args->at[index], 2 * turns.count, &role) != napi_ok ||
        napi_get_element(args->env, args->at[index], 2 * turns.count + 1, &text) != napi_ok) {
      break;
    }
    const bytes content = bytes_of(args, text);
    turns.list[turns.count] = (skein_chat_message){text_of(args, role), content.data, content.size};
  }
  return turns;
}
