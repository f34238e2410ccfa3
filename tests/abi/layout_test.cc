// The layout of every public struct against a golden file. Within 1.x a struct that may grow grows at its end only, and
// all others stay as they are. Hosts and plugins that were built against an older header depend on this.
//
// abi_layout_test --print writes the present layout in the form of the golden file, to record what was appended.
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "skein/backend.h"
#include "skein/plugin.h"
#include "skein/skein.h"

namespace {

struct Field {
  std::string name;
  size_t offset = 0;
  size_t size = 0;
  size_t align = 0;
};

struct Layout {
  std::string name;
  size_t size = 0;
  size_t align = 0;
  std::vector<Field> fields;
};

#define STRUCT(type, ...)                                                 \
  [] {                                                                    \
    using Struct = type;                                                  \
    return Layout{#type, sizeof(Struct), alignof(Struct), {__VA_ARGS__}}; \
  }()
#define FIELD(member) \
  Field { #member, offsetof(Struct, member), sizeof(Struct::member), alignof(decltype(Struct::member)) }

// In the order of the headers.
std::vector<Layout> Layouts() {
  return {
      STRUCT(skein_error, FIELD(code), FIELD(message_bytes), FIELD(retry_after_ms), FIELD(reserved), FIELD(message)),
      STRUCT(skein_chat_message, FIELD(role), FIELD(text), FIELD(text_bytes)),
      STRUCT(skein_option_info, FIELD(struct_size), FIELD(type), FIELD(key), FIELD(default_value), FIELD(help),
             FIELD(min_value), FIELD(max_value)),
      STRUCT(skein_plugin_info, FIELD(struct_size), FIELD(kind), FIELD(loaded), FIELD(abi), FIELD(id), FIELD(version),
             FIELD(path), FIELD(reason)),
      STRUCT(skein_device_info, FIELD(struct_size), FIELD(threads), FIELD(name), FIELD(plugin_id), FIELD(description),
             FIELD(memory_bytes), FIELD(weight_types), FIELD(generations)),
      STRUCT(skein_progress, FIELD(struct_size), FIELD(active), FIELD(done_bytes), FIELD(total_bytes), FIELD(what)),
      STRUCT(skein_model_info, FIELD(struct_size), FIELD(generation), FIELD(num_layers), FIELD(d_model), FIELD(d_ffn),
             FIELD(vocab_size), FIELD(num_heads), FIELD(head_size), FIELD(num_parameters), FIELD(weights_bytes),
             FIELD(num_state_floats), FIELD(has_tokenizer), FIELD(end_token), FIELD(device), FIELD(type), FIELD(name),
             FIELD(variant), FIELD(d_att), FIELD(chat_template), FIELD(embedding_bytes), FIELD(trained_length)),
      STRUCT(skein_tokenizer_info, FIELD(struct_size), FIELD(vocab_size), FIELD(kind), FIELD(origin), FIELD(path)),
      STRUCT(skein_prefix_info, FIELD(struct_size), FIELD(reserved), FIELD(position), FIELD(state_bytes),
             FIELD(file_bytes), FIELD(fingerprint), FIELD(name)),
      STRUCT(skein_eval_item, FIELD(stream), FIELD(tokens), FIELD(num_tokens), FIELD(output), FIELD(output_capacity),
             FIELD(output_kind), FIELD(status)),
      STRUCT(skein_event, FIELD(kind), FIELD(reason), FIELD(request), FIELD(user_data), FIELD(token), FIELD(status),
             FIELD(text_offset), FIELD(text_bytes), FIELD(num_prompt_tokens), FIELD(num_tokens), FIELD(position),
             FIELD(logprob), FIELD(sample), FIELD(num_cached_tokens), FIELD(queue_us), FIELD(prefill_us),
             FIELD(decode_us), FIELD(logprob_sum), FIELD(cache), FIELD(reserved)),
      STRUCT(skein_load, FIELD(struct_size), FIELD(num_tenants), FIELD(queued_tokens), FIELD(max_queued_tokens),
             FIELD(num_waiting), FIELD(num_running), FIELD(max_running), FIELD(num_streams), FIELD(max_streams),
             FIELD(max_batch_tokens), FIELD(weight), FIELD(prompt_tokens_per_s)),
      STRUCT(skein_logprob, FIELD(token), FIELD(logprob)),
      STRUCT(skein_checkpoint, FIELD(position), FIELD(state_bytes), FIELD(name)),
      STRUCT(skein_score_item, FIELD(stream), FIELD(tokens), FIELD(num_tokens), FIELD(logprobs), FIELD(top),
             FIELD(num_top), FIELD(status), FIELD(num_scored), FIELD(logprob), FIELD(priority), FIELD(reserved)),
      STRUCT(skein_embed_item, FIELD(stream), FIELD(tokens), FIELD(num_tokens), FIELD(text), FIELD(text_bytes),
             FIELD(embedding), FIELD(capacity), FIELD(pooling), FIELD(normalise), FIELD(status), FIELD(priority),
             FIELD(num_read), FIELD(tenant)),
      STRUCT(skein_message, FIELD(text)),
      STRUCT(skein_host, FIELD(struct_size), FIELD(reserved), FIELD(context), FIELD(concurrency), FIELD(parallel_for),
             FIELD(parallel_region), FIELD(alloc), FIELD(free), FIELD(log), FIELD(parallel_team)),
      STRUCT(skein_plugin_offer, FIELD(struct_size), FIELD(abi_min), FIELD(abi_max), FIELD(reserved),
             FIELD(host_version)),
      STRUCT(skein_plugin_answer, FIELD(struct_size), FIELD(abi), FIELD(kind), FIELD(num_threads), FIELD(id),
             FIELD(version), FIELD(description), FIELD(table)),
      STRUCT(skein_source, FIELD(struct_size), FIELD(reserved), FIELD(path), FIELD(size_bytes), FIELD(data),
             FIELD(context), FIELD(open_sibling)),
      STRUCT(skein_tensor_info, FIELD(struct_size), FIELD(dtype), FIELD(name), FIELD(num_dims), FIELD(reserved),
             FIELD(shape), FIELD(strides), FIELD(data)),
      STRUCT(skein_format_table, FIELD(struct_size), FIELD(reserved), FIELD(extensions), FIELD(probe), FIELD(open),
             FIELD(close), FIELD(tensor_count), FIELD(tensor_info), FIELD(tensor_read), FIELD(metadata_count),
             FIELD(metadata), FIELD(tensor_check)),
      STRUCT(skein_tokenizer_table, FIELD(struct_size), FIELD(reserved), FIELD(probe), FIELD(create), FIELD(destroy),
             FIELD(vocab_size), FIELD(encode), FIELD(decode), FIELD(own_vocabulary)),
      STRUCT(skein_backend_device, FIELD(struct_size), FIELD(weight_types), FIELD(compute_types),
             FIELD(deterministic_types), FIELD(generations), FIELD(features), FIELD(rank), FIELD(reserved),
             FIELD(memory_bytes), FIELD(name), FIELD(description), FIELD(layouts), FIELD(reserved_2),
             FIELD(num_threads), FIELD(reserved_3), FIELD(auto_types), FIELD(state_types)),
      STRUCT(skein_backend_model, FIELD(struct_size), FIELD(generation), FIELD(variant), FIELD(num_layers),
             FIELD(d_model), FIELD(d_att), FIELD(d_ffn), FIELD(vocab_size), FIELD(num_heads), FIELD(head_size),
             FIELD(rank_decay), FIELD(rank_iclr), FIELD(rank_value), FIELD(rank_gate), FIELD(norm_epsilon),
             FIELD(group_norm_epsilon), FIELD(rank_mix)),
      STRUCT(skein_segment_desc, FIELD(struct_size), FIELD(flags), FIELD(first_layer), FIELD(num_layers),
             FIELD(num_slots), FIELD(max_tokens), FIELD(max_entries), FIELD(num_adapters), FIELD(compute_type),
             FIELD(weight_type), FIELD(model), FIELD(state_type)),
      STRUCT(skein_segment_cost, FIELD(struct_size), FIELD(supported), FIELD(weights_bytes), FIELD(slot_bytes),
             FIELD(scratch_bytes)),
      STRUCT(skein_tensor, FIELD(struct_size), FIELD(role), FIELD(layer), FIELD(dtype), FIELD(flags), FIELD(num_dims),
             FIELD(shape), FIELD(data), FIELD(size_bytes), FIELD(layout), FIELD(reserved)),
      STRUCT(skein_bias, FIELD(token), FIELD(bias)),
      STRUCT(skein_step_entry, FIELD(read_slot), FIELD(write_slot), FIELD(first_token), FIELD(num_tokens),
             FIELD(adapter), FIELD(output), FIELD(output_start), FIELD(top_k), FIELD(output_rows), FIELD(output_tokens),
             FIELD(mask), FIELD(bias), FIELD(num_bias), FIELD(status), FIELD(sampling), FIELD(drawn_by),
             FIELD(reserved)),
      STRUCT(skein_sampling, FIELD(struct_size), FIELD(top_k), FIELD(top_p), FIELD(min_p), FIELD(temperature),
             FIELD(uniforms)),
      STRUCT(skein_step, FIELD(struct_size), FIELD(num_tokens), FIELD(num_entries), FIELD(entry_size), FIELD(tokens),
             FIELD(entries), FIELD(carries_in), FIELD(carries_out)),
      STRUCT(skein_segment_work, FIELD(struct_size), FIELD(reserved), FIELD(multiplications),
             FIELD(library_multiplications), FIELD(library)),
      STRUCT(skein_backend_table, FIELD(struct_size), FIELD(reserved), FIELD(device_count), FIELD(device_info),
             FIELD(device_open), FIELD(device_close), FIELD(query), FIELD(segment_create), FIELD(put_tensor),
             FIELD(seal), FIELD(segment_destroy), FIELD(state_init), FIELD(state_copy), FIELD(state_export),
             FIELD(state_import), FIELD(step), FIELD(fence_done), FIELD(fence_wait), FIELD(fence_release),
             FIELD(segment_work), FIELD(device_free_memory), FIELD(state_discard), FIELD(state_export_begin),
             FIELD(state_import_begin)),
  };
}

// Structs that travel in arrays with the size of an element, and so may grow without a `struct_size` of their own.
const std::set<std::string> kWithElementSize = {"skein_chat_message", "skein_event",      "skein_eval_item",
                                                "skein_checkpoint",   "skein_score_item", "skein_embed_item",
                                                "skein_step_entry"};

bool MayGrow(const Layout& layout) {
  return layout.fields.front().name == "struct_size" || kWithElementSize.count(layout.name) != 0;
}

std::string ToText(const std::vector<Layout>& layouts) {
  std::ostringstream text;
  for (const Layout& layout : layouts) {
    text << layout.name << " size " << layout.size << " align " << layout.align << "\n";
    for (const Field& field : layout.fields) {
      text << "  " << field.name << " offset " << field.offset << " size " << field.size << " align " << field.align
           << "\n";
    }
  }
  return text.str();
}

// The golden file, in the form of ToText.
std::vector<Layout> ReadGolden() {
  std::ifstream file(std::string(SKEIN_TESTS_DIR) + "/abi/layout.golden");
  EXPECT_TRUE(file.is_open());
  std::vector<Layout> layouts;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    std::string skipped;
    if (line.compare(0, 2, "  ") == 0) {
      Field field;
      words >> field.name >> skipped >> field.offset >> skipped >> field.size >> skipped >> field.align;
      layouts.back().fields.push_back(field);
    } else {
      Layout layout;
      words >> layout.name >> skipped >> layout.size >> skipped >> layout.align;
      layouts.push_back(layout);
    }
    EXPECT_FALSE(words.fail()) << line;
  }
  return layouts;
}

TEST(AbiLayoutTest, EveryGoldenFieldIsWhereItWas) {
  const std::vector<Layout> golden = ReadGolden();
  ASSERT_FALSE(golden.empty());
  std::map<std::string, Layout> present;
  for (const Layout& layout : Layouts()) present[layout.name] = layout;
  for (const Layout& old : golden) {
    ASSERT_EQ(present.count(old.name), 1u) << old.name << " is gone";
    const Layout& now = present[old.name];
    EXPECT_EQ(now.align, old.align) << old.name;
    if (MayGrow(now)) {
      EXPECT_GE(now.size, old.size) << old.name << " has shrunk";
    } else {
      EXPECT_EQ(now.size, old.size) << old.name << " may not grow: nothing says its size across the border";
    }
    ASSERT_GE(now.fields.size(), old.fields.size()) << old.name << " lost a field";
    for (size_t i = 0; i < old.fields.size(); ++i) {
      EXPECT_EQ(now.fields[i].name, old.fields[i].name) << old.name << ": fields are added at the end only";
      EXPECT_EQ(now.fields[i].offset, old.fields[i].offset) << old.name << "." << old.fields[i].name;
      EXPECT_EQ(now.fields[i].size, old.fields[i].size) << old.name << "." << old.fields[i].name;
    }
  }
}

TEST(AbiLayoutTest, GoldenFileRecordsWhatWasAppended) {
  EXPECT_EQ(ToText(ReadGolden()), ToText(Layouts())) << "write it anew with abi_layout_test --print";
}

// A member that this test does not list would leave a hole between its neighbours, or behind the last.
TEST(AbiLayoutTest, ListedFieldsFillTheirStructs) {
  for (const Layout& layout : Layouts()) {
    size_t end = 0;
    for (const Field& field : layout.fields) {
      const size_t aligned = (end + field.align - 1) / field.align * field.align;
      EXPECT_EQ(field.offset, aligned) << layout.name << ": something is in front of " << field.name;
      end = field.offset + field.size;
    }
    EXPECT_EQ(layout.size, (end + layout.align - 1) / layout.align * layout.align)
        << layout.name << ": something is behind " << layout.fields.back().name;
  }
}

TEST(AbiLayoutTest, EveryStructOfTheHeadersIsListed) {
  std::set<std::string> listed;
  for (const Layout& layout : Layouts()) listed.insert(layout.name);
  std::set<std::string> declared;
  const std::string start = "typedef struct ";
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(SKEIN_TESTS_DIR) + "/../sdk/include/skein")) {
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
      const size_t name = at + start.size();
      const size_t end = text.find_first_of(" *;", name);
      if (text.compare(end, 2, " {") == 0) declared.insert(text.substr(name, end - name));
    }
  }
  EXPECT_EQ(declared, listed);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--print") {
    std::cout << ToText(Layouts());
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
