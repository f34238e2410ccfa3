#include "call.h"

#include <stdlib.h>

void call_free(call* self) {
  if (self->made != NULL) handle_release(self->made_kind, self->made, NULL);
  free(self->text);
  free(self->second_text);
  if (self->free_data != NULL && self->data != NULL) {
    self->free_data(self->data);
  } else {
    free(self->data);
  }
  free(self);
}
