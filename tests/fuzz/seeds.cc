// Writes the first inputs of each fuzzer: fuzz_seeds FOLDER makes FOLDER/NAME/... for every NAME_fuzz. Sound files,
// made by the writers of the tests, so that the fuzzers begin behind the first checks.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "files/package/manifest.h"
#include "model/config.h"
#include "model/tensor.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "state/disk_layout.h"
#include "state/snapshot.h"
#include "tests/support/snapshot_bytes.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/deflate.h"
#include "tests/unit/plugins/formats/old_pth_writer.h"
#include "tests/unit/plugins/tokenizers/small_bpe.h"

namespace skein::fuzz {
namespace {

namespace fs = std::filesystem;

using test::Append;
using test::Bytes;
using test::Floats;

class Corpora {
 public:
  explicit Corpora(fs::path folder) : folder_(std::move(folder)) {}

  void Add(const std::string& fuzzer, const std::string& name, const Bytes& bytes) const {
    fs::create_directories(folder_ / fuzzer);
    std::ofstream out(folder_ / fuzzer / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  void Add(const std::string& fuzzer, const std::string& name, std::string_view text) const {
    Bytes bytes;
    Append(&bytes, text);
    Add(fuzzer, name, bytes);
  }

 private:
  const fs::path folder_;
};

Bytes FileOf(const std::string& path) {
  std::ifstream in(std::string(SKEIN_SOURCE_DIR) + "/" + path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

const Bytes kSix = Floats({0, 1, 2, 3, 4, 5});

Bytes DictPickle() {
  test::PickleWriter pickle;
  pickle.Raw("}q\x01(").Text("a").Tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  pickle.Text("b").Tensor("HalfStorage", "0", 12, 1, {3, 2}, {1, 3}).Raw("q\x02");
  pickle.Text("c").Raw("h\x02").Text("note").Text("hello").Text("epoch").Int(3);
  return pickle.Raw("u").Finish();
}

Bytes OrderedDictPickle() {
  test::PickleWriter pickle;
  pickle.Raw("}").Text("state_dict").Global("collections", "OrderedDict").Raw(")Rq\x02(").Text("_forward_module.w");
  pickle.Global("torch._utils", "_rebuild_parameter").Raw("(").Tensor("BFloat16Storage", "0", 12, 0, {12}, {1});
  pickle.Raw("\x88").Global("collections", "OrderedDict").Raw(")RtRu}").Text("_metadata").Raw("}sbs");
  return pickle.Finish();
}

void AddPth(const Corpora& corpora) {
  corpora.Add("pickle", "dict", DictPickle());
  corpora.Add("pickle", "ordered_dict", OrderedDictPickle());
  for (const bool checksums : {false, true}) {
    const test::ZipOptions options = {.record_crc32 = checksums};
    test::ZipWriter zip;
    zip.Add("archive/data.pkl", DictPickle(), options)
        .Add("archive/byteorder", {'l', 'i', 't', 't', 'l', 'e'}, options);
    zip.Add("archive/data/0", kSix, options);
    corpora.Add("pth", checksums ? "zip_checked" : "zip", zip.Finish());
    corpora.Add("pth", checksums ? "zip64_checked" : "zip64", zip.FinishZip64());
  }
  corpora.Add("pth", "ordered_dict", test::PthFile(OrderedDictPickle(), {kSix}));
  corpora.Add("pth", "deflated", test::DeflatedPthFile(DictPickle(), {kSix}));
  corpora.Add("pth", "old", test::OldPthFile());
  corpora.Add("pth", "torch", FileOf("tests/data/v7-n16.time_state.pth"));
}

void AddSafetensors(const Corpora& corpora) {
  const Bytes file = test::SafetensorsWriter()
                         .AddToHeader(R"("__metadata__":{"format":"pt"})")
                         .Add("w", "F32", "[2,3]", kSix)
                         .Add("b", "BF16", "[]", {0x80, 0x3f})
                         .Add("ids", "I64", "[1]", Bytes(8))
                         .Finish();
  corpora.Add("safetensors", "small", file);
  Bytes index;
  Append(&index,
         std::string_view(R"({"metadata":{"total_size":34},"weight_map":{"w":"1.st","b":"1.st","ids":"2.st"}})"));
  Append(&index, uint8_t{0});
  Append(&index, file);
  corpora.Add("safetensors_index", "small", index);
}

void AddGguf(const Corpora& corpora) {
  corpora.Add("gguf", "ggml", FileOf("tests/unit/plugins/formats/data/ggml.gguf"));
  corpora.Add("gguf", "rwkv6",
              test::GgufWriter()
                  .Text("general.architecture", "rwkv6")
                  .Uint32("rwkv6.rescale_every_n_layers", 6)
                  .Float32("rwkv6.attention.layer_norm_epsilon", 1e-5f)
                  .Text("tokenizer.ggml.model", "rwkv")
                  .Texts("tokenizer.ggml.tokens", {"<s>", "\\x00", "\\n", "[PAD3]"})
                  .Alignment(8)
                  .Add("w", 0, {3, 2}, kSix)
                  .Finish());
  corpora.Add("gguf", "small_blocks",
              test::GgufWriter()
                  .Add("q2_k", 10, {256}, Bytes(84, 1))
                  .Add("q3_k", 11, {256}, Bytes(110, 2))
                  .Add("iq4_nl", 20, {32}, Bytes(18, 3))
                  .Add("iq4_xs", 23, {256}, Bytes(136, 4))
                  .Add("mxfp4", 39, {32}, Bytes(17, 5))
                  .Add("unread", 16, {256}, Bytes(66, 6))
                  .Finish());
  corpora.Add("gguf", "split",
              test::GgufWriter(2)
                  .Number("split.no", 2, {0, 0})
                  .Number("split.count", 2, {2, 0})
                  .Number("split.tensors.count", 5, {2, 0, 0, 0})
                  .Add("w", 1, {1}, {0, 0x3c})
                  .Finish());
}

void AddRwkvCpp(const Corpora& corpora) {
  test::RwkvCppWriter writer(101, 8, 1);
  writer.Add("emb.weight", 0, {3, 2}, kSix).Add("odd", 1, {1}, {0, 0x3c});
  writer.Add("q5", 8, {32, 1}, Bytes(24, 9)).Add("q6", 15, {256}, Bytes(210, 7));
  corpora.Add("rwkvcpp", "small", writer.Finish());
}

// A manifest of small dimensions. The matrices that can lie in this layout do so. The tensors follow each other from
// the start of the data.
Manifest SmallManifest(ModelConfig config, uint32_t layout) {
  Manifest manifest;
  config.num_layers = 2;
  config.d_model = config.d_att = 8;
  config.d_ffn = 12;
  config.vocab_size = 5;
  if (config.generation > 4) {
    config.num_heads = 2;
    config.head_size = 4;
  }
  if (config.generation == 6) config.rank_mix = 3;
  if (config.generation >= 6) config.rank_decay = 2;
  if (config.generation == 7) config.rank_iclr = config.rank_value = config.rank_gate = 2;
  manifest.config = config;
  manifest.metadata.name = "seed";
  manifest.metadata.tokenizer_kind = "world";
  manifest.metadata.end_token = 0;
  manifest.metadata.sampling.temperature = 0.5;
  manifest.vocabulary = "1 'a' 1\n";
  manifest.fingerprint = "00112233445566778899aabbccddeeff";
  manifest.creator = "fuzz_seeds";
  for (const ExpectedTensor& expected : ExpectedTensors(config)) {
    PackedTensor tensor;
    tensor.role = expected.role->role;
    tensor.layer = expected.layer;
    tensor.dtype = SKEIN_DTYPE_F32;
    tensor.shape = RoleShape(*expected.role, config);
    if (RoleTakesLayout(tensor.role, layout)) tensor.layout = layout;
    LayoutBytes(tensor.dtype, tensor.layout, tensor.shape, &tensor.size_bytes);
    manifest.tensors.push_back(tensor);
  }
  // The length of the manifest does not depend on the offsets.
  uint64_t offset = 64 + SerializeManifest(manifest).size();
  for (PackedTensor& tensor : manifest.tensors) {
    offset = (offset + 63) / 64 * 64;
    tensor.offset = offset;
    offset += tensor.size_bytes;
  }
  return manifest;
}

void AddPackages(const Corpora& corpora) {
  for (const auto& [generation, variant] :
       {std::pair(4u, 0u), std::pair(5u, 2u), std::pair(6u, 0u), std::pair(7u, 0u)}) {
    ModelConfig config;
    config.generation = generation;
    config.variant = variant;
    for (const uint32_t layout : {SKEIN_LAYOUT_ROWS, SKEIN_LAYOUT_PANELS}) {
      corpora.Add("package", std::to_string(generation) + "_" + LayoutName(layout),
                  SerializeManifest(SmallManifest(config, layout)));
    }
  }
}

// Of a prefix object whose tokens are known, with a state at the start, one on the way, and a name one token behind it.
std::string SnapshotWithPast() {
  const skein_backend_model model = test::SmallStateModel();
  Snapshot snapshot;
  snapshot.fingerprint = std::string(32, 'a');
  snapshot.position = 6;
  snapshot.pending = {7};
  snapshot.label = PrefixLabel{"persona", "by hand"};
  snapshot.tokens = {1, 2, 3, 4, 5, 6};
  const std::vector<float> state(StateFloats(model), 0.5f);
  snapshot.checkpoints = {{0, "", 0, state}, {3, "here", 4, state}, {5, "", 5, state}};
  std::vector<uint8_t> bytes(SnapshotBytes(model, snapshot));
  WriteSnapshot(model, snapshot, state, absl::MakeSpan(bytes));
  return {bytes.begin(), bytes.end()};
}

void AddSnapshots(const Corpora& corpora) {
  for (const char* name : {"example.v2.snapshot", "v4-odd.v1.snapshot"}) {
    corpora.Add("snapshot", name, FileOf(std::string("tests/data/") + name));
  }
  corpora.Add("snapshot", "past", SnapshotWithPast());
}

// As state_disk_fuzz.cc reads them: what is made right, then the pieces of the blocks.
void AddStatesOnDisk(const Corpora& corpora) {
  DiskBlockContent content;
  content.write_number = 1;
  content.has_label = true;
  content.num_tokens = 2;
  content.scope = "scope";
  const DiskBlockHeader labelled = WriteDiskBlockHeader(content, "model");
  content = {1, 2};
  const DiskBlockHeader plain = WriteDiskBlockHeader(content, "model");
  std::string seed(1, '\7');
  for (const DiskBlockHeader& header : {labelled, plain, labelled}) {
    seed.append(reinterpret_cast<const char*>(header.data()), header.size());
    seed.append(64 + 32, '\1');
  }
  corpora.Add("state_disk", "blocks", seed);
  const DiskFileHeader file = WriteDiskFileHeader(DiskLayout::For(64), "model");
  corpora.Add("state_disk", "file", std::string(reinterpret_cast<const char*>(file.data()), file.size()));
}

void AddChatTemplates(const Corpora& corpora) {
  corpora.Add(
      "chat_template", "conditions",
      "{%- if not add_generation_prompt is defined -%}{%- set add_generation_prompt = true -%}{%- endif -%}{% for "
      "m in messages %}{{ ('User: ' if m.role == 'user' else 'Assistant: ') + m.content|trim + '\\n\\n' }}{% "
      "endfor %}{{- 'Assistant:' -}}{% if x is defined and x is not false %}{{ ' <think>' }}{% elif not (y or x) "
      "%}{{ ' <think' if x != true else '' }}{% else %}{% endif %}");
  corpora.Add("chat_template", "statements",
              "{# Bob: Alice: #}{% macro f(x) %}{{ x[0] }}{% endmacro %}{% set y %}a{% endset %}{% set ns.z = none %}");
}

void AddAdapterConfigs(const Corpora& corpora) {
  corpora.Add("adapter_config", "lora",
              R"({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "use_rslora": true, "init_lora_weights": "eva",
                  "rank_pattern": {"blocks.10.att.key": 8}, "alpha_pattern": {"^b[a-z]+\\.(1|2)+.*\\w?$": 3}})");
  corpora.Add("adapter_config", "miss", R"({"peft_type": "MISS", "r": 8, "init_weights": "bat"})");
}

void AddTokenizers(const Corpora& corpora) {
  corpora.Add("world_vocabulary", "small",
              "1 b'\\x00' 1\n2 'a' 1\n3 \"'\" 1\n4 '\\'\"' 2\n5 ' \\u20ac' 4\r\n7 b'\\xff\\xfe' 2\n8 '\\n\\n' 2\n");
  corpora.Add("world_vocabulary", "literals",
              "\xEF\xBB\xBF"
              "b'<s>'\n'a'\n\"'\"\r\nb'\\xff\\xfe'\n' \\u20ac'\n");
  corpora.Add("bpe_vocabulary", "small", tokenizers::SmallBpe().dump());
  for (const char* fuzzer : {"world_text", "bpe_text"}) {
    corpora.Add(fuzzer, "text", "User: the then\n\naaaaaaaaa e\xcc\x81 caf\xc3\xa9 zz  12 <|end|>");
    corpora.Add(fuzzer, "bytes", std::string_view("\xff\xff\x00\x01\xe2\x82", 6));
  }
}

}  // namespace
}  // namespace skein::fuzz

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const skein::fuzz::Corpora corpora(argv[1]);
  skein::fuzz::AddPth(corpora);
  skein::fuzz::AddSafetensors(corpora);
  skein::fuzz::AddGguf(corpora);
  skein::fuzz::AddRwkvCpp(corpora);
  skein::fuzz::AddPackages(corpora);
  skein::fuzz::AddSnapshots(corpora);
  skein::fuzz::AddStatesOnDisk(corpora);
  skein::fuzz::AddChatTemplates(corpora);
  skein::fuzz::AddAdapterConfigs(corpora);
  skein::fuzz::AddTokenizers(corpora);
  return 0;
}
