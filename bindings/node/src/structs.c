// Makes JavaScript objects of the ABI's structs.
#include <ctype.h>
#include <string.h>

#include "addon.h"

// "num_layers" to "numLayers". The names of the ABI's members are shorter than 64 bytes.
static void camel_case(const char* name, char* camel) {
  for (; *name != '\0'; ++name) *camel++ = *name == '_' ? (char)toupper((unsigned char)*++name) : *name;
  *camel = '\0';
}

static napi_value make_member(napi_env env, member_type type, const char* place) {
  uint32_t number = 0;
  int32_t integer = 0;
  uint64_t large = 0;
  float real = 0;
  double precise = 0;
  switch (type) {
    case MEMBER_U32:
      memcpy(&number, place, sizeof(number));
      return make_double(env, number);
    case MEMBER_I32:
      memcpy(&integer, place, sizeof(integer));
      return make_double(env, integer);
    case MEMBER_U64:
      memcpy(&large, place, sizeof(large));
      return make_unsigned(env, large);
    case MEMBER_F32:
      memcpy(&real, place, sizeof(real));
      return make_double(env, (double)real);
    case MEMBER_F64:
      memcpy(&precise, place, sizeof(precise));
      return make_double(env, precise);
    default:
      return make_text(env, place, NAPI_AUTO_LENGTH);
  }
}

napi_value make_object(napi_env env, const member* members, const void* structure) {
  napi_value object = NULL;
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  for (; members->name != NULL; ++members) {
    char camel[64];
    camel_case(members->name, camel);
    set_property(env, object, camel, make_member(env, members->type, (const char*)structure + members->offset));
  }
  return object;
}

napi_value make_offsets(napi_env env, const member* members, size_t struct_bytes) {
  napi_value object = NULL;
  if (napi_create_object(env, &object) != napi_ok) return NULL;
  set_property(env, object, "bytes", make_double(env, (double)struct_bytes));
  for (; members->name != NULL; ++members) {
    char camel[64];
    camel_case(members->name, camel);
    set_property(env, object, camel, make_double(env, (double)members->offset));
  }
  return object;
}
