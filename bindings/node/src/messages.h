// The messages of a conversation (skein/chat.h), as JavaScript gives them: an array role, text, role, text, ...
#ifndef SKEIN_BINDINGS_NODE_MESSAGES_H_
#define SKEIN_BINDINGS_NODE_MESSAGES_H_

#include "addon.h"

typedef struct messages {
  skein_chat_message* list;  // lives as long as the arguments
  uint32_t count;
} messages;

messages messages_at(arguments* args, int index);

#endif  // SKEIN_BINDINGS_NODE_MESSAGES_H_
