#include "handles.h"

#include <stdint.h>
#include <stdlib.h>

skein_status handle_release(handle_kind kind, void* handle, skein_error* error) {
  switch (kind) {
    case HANDLE_QUEUE:
      return skein_queue_release(handle, error);
    case HANDLE_REQUEST:
      return skein_request_release(handle, error);
    case HANDLE_STREAM:
      return skein_stream_release(handle, error);
    case HANDLE_PREFIX:
      return skein_prefix_release(handle, error);
    case HANDLE_TOKENIZER:
      return skein_tokenizer_release(handle, error);
    case HANDLE_OPTIONS:
      return skein_options_release(handle, error);
    case HANDLE_MODEL:
      return skein_model_release(handle, error);
    default:
      return skein_runtime_release(handle, error);
  }
}

static size_t home_of(const handle_set* set, const void* handle) {
  const uint64_t mixed = (uint64_t)(uintptr_t)handle * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(mixed >> 32) & (set->num_places - 1);
}

// The place of a handle that is in, else the free place where it would go. Some place is always free.
static size_t place_of(const handle_set* set, const void* handle) {
  size_t place = home_of(set, handle);
  while (set->places[place].handle != NULL && set->places[place].handle != handle) {
    place = (place + 1) & (set->num_places - 1);
  }
  return place;
}

static bool grow(handle_set* set) {
  handle_set larger = {NULL, set->num_places == 0 ? 64 : set->num_places * 2, set->num_handles};
  larger.places = calloc(larger.num_places, sizeof(owned_handle));
  if (larger.places == NULL) return false;
  for (size_t i = 0; i < set->num_places; ++i) {
    if (set->places[i].handle != NULL) larger.places[place_of(&larger, set->places[i].handle)] = set->places[i];
  }
  free(set->places);
  *set = larger;
  return true;
}

bool handle_set_add(handle_set* set, handle_kind kind, void* handle) {
  if (2 * (set->num_handles + 1) > set->num_places && !grow(set)) return false;
  set->places[place_of(set, handle)] = (owned_handle){handle, kind};
  ++set->num_handles;
  return true;
}

void handle_set_remove(handle_set* set, void* handle) {
  if (set->num_places == 0 || handle == NULL) return;
  const size_t mask = set->num_places - 1;
  size_t hole = place_of(set, handle);
  if (set->places[hole].handle == NULL) return;
  // The handles behind move up, as far as that brings them no farther in front than their homes.
  for (size_t next = (hole + 1) & mask; set->places[next].handle != NULL; next = (next + 1) & mask) {
    const size_t distance = (next - home_of(set, set->places[next].handle)) & mask;
    if (distance >= ((next - hole) & mask)) {
      set->places[hole] = set->places[next];
      hole = next;
    }
  }
  set->places[hole].handle = NULL;
  --set->num_handles;
}

void handle_set_release_all(handle_set* set) {
  for (int kind = 0; kind < NUM_HANDLE_KINDS; ++kind) {
    for (size_t i = 0; i < set->num_places; ++i) {
      const owned_handle* owned = &set->places[i];
      if (owned->handle != NULL && owned->kind == (handle_kind)kind) handle_release(owned->kind, owned->handle, NULL);
    }
  }
  free(set->places);
  *set = (handle_set){NULL, 0, 0};
}
