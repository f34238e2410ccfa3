// Adapters in every form that is read, through the C ABI and the real format plugins: the logits are those of a model
// file whose weights the test has merged itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "tests/integration/dense_weights.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

constexpr float kTolerance = 1e-4f;  // tests/data/README.md

// v7-n16.
constexpr uint64_t kC = 64, kF = 256, kV = 50, kRank = 8;

// A folder of the test for the files of one case.
class CaseFolder {
 public:
  CaseFolder() : path_(std::filesystem::temp_directory_path() / ("skein_forms_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_ / "peft");
  }
  ~CaseFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  CaseFolder(const CaseFolder&) = delete;
  CaseFolder& operator=(const CaseFolder&) = delete;

  std::string Path(const std::string& name) const { return (path_ / name).string(); }

  // PEFT's folder.
  std::string WritePeft(const Weights& adapter, const std::string& config) const {
    WriteSafetensors(Path("peft/adapter_model.safetensors"), adapter);
    std::ofstream(Path("peft/adapter_config.json")) << config;
    return Path("peft");
  }

 private:
  const std::filesystem::path path_;
};

// The parts of a case: where it writes files, and the weights that it changes as its adapter says.
struct Making {
  const CaseFolder& folder;
  Weights& merged;
};

struct Form {
  const char* name;
  std::string (*make)(const Making& making);  // gives the option `lora`
};

const char* const kProjections[] = {"att.receptance", "att.key", "att.value", "att.output", "ffn.key", "ffn.value"};

std::string Module(int layer, const std::string& projection) {
  return "blocks." + std::to_string(layer) + "." + projection;
}

// LoRA of every projection in both layers: `name_of` gives the names of A and B for a module, `scale_of` the scale.
template <typename NameOf, typename ScaleOf>
Weights MakeLora(Weights& merged, uint64_t rank, const NameOf& name_of, const ScaleOf& scale_of) {
  Weights adapter;
  uint64_t seed = 1;
  for (int layer = 0; layer < 2; ++layer) {
    for (const char* projection : kProjections) {
      const std::string module = Module(layer, projection);
      Dense& w = merged.at(module + ".weight");
      const Dense a = Random({rank, w.columns()}, 0.3f, seed++);
      const Dense b = Random({w.rows(), rank}, 0.3f, seed++);
      AddProduct(w, a, b, scale_of(module));
      adapter[name_of(module, 'A')] = a;
      adapter[name_of(module, 'B')] = b;
    }
  }
  return adapter;
}

std::string PeftModule(const std::string& module) { return "base_model.model." + module; }

std::string PeftName(const std::string& module, char factor) {
  return PeftModule(module) + ".lora_" + factor + ".weight";
}

std::string PlainName(const std::string& module, char factor) { return module + ".lora_" + factor; }

double Two(const std::string&) { return 2; }

constexpr const char* kConfig = R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": false})";  // scale 2

std::string PeftFolder(const Making& making) {
  return making.folder.WritePeft(MakeLora(making.merged, 4, PeftName, Two), kConfig);
}

std::string PeftFile(const Making& making) { return PeftFolder(making) + "/adapter_model.safetensors"; }

std::string PeftBin(const Making& making) {
  const Weights adapter = MakeLora(making.merged, 4, PeftName, Two);
  std::ofstream(making.folder.Path("peft/adapter_config.json")) << kConfig;
  WritePth(making.folder.Path("peft/adapter_model.bin"), adapter);
  return making.folder.Path("peft");
}

std::string RankStabilised(const Making& making) {
  const auto scale = [](const std::string&) { return 4.0; };  // 8 / sqrt(4)
  return making.folder.WritePeft(MakeLora(making.merged, 4, PeftName, scale),
                                 R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": true})");
}

std::string AlphaPattern(const Making& making) {
  const auto scale = [](const std::string& module) {
    if (module == "blocks.0.att.key") return 0.5;
    return module.ends_with("value") ? 1.5 : 2.0;
  };
  return making.folder.WritePeft(MakeLora(making.merged, 4, PeftName, scale),
                                 R"({"peft_type": "LORA", "r": 16, "lora_alpha": 8, "rank_pattern": {".*": 4},
                                     "alpha_pattern": {"blocks.0.att.key": 2, "(att|ffn)\\.value": 6}})");
}

std::string Dora(const Making& making) {
  Weights adapter = MakeLora(making.merged, 4, PeftName, Two);
  uint64_t seed = 100;
  for (int layer = 0; layer < 2; ++layer) {
    for (const char* projection : kProjections) {
      const std::string module = Module(layer, projection);
      Dense& w = making.merged.at(module + ".weight");
      Dense lengths = Random({w.rows()}, 1, seed++);
      for (float& length : lengths.values) length += 3;
      SetLengths(w, lengths.values);
      adapter[PeftModule(module).append(".lora_magnitude_vector")] = lengths;
    }
  }
  return making.folder.WritePeft(adapter, R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_dora": true})");
}

std::string EmbeddingAndSavedModules(const Making& making) {
  const Dense a = Random({4, kV}, 0.5f, 1);
  const Dense b = Random({kC, 4}, 0.5f, 2);
  Dense turned = Transposed(making.merged.at("emb.weight"));
  AddProduct(turned, a, b, 2);
  making.merged.at("emb.weight") = Transposed(turned);
  const Dense head = Random({kV, kC}, 0.3f, 3);
  const Dense bias = Random({kC}, 0.5f, 4);
  making.merged.at("head.weight").values = head.values;
  making.merged.at("blocks.1.ln1.bias").values = bias.values;
  return making.folder.WritePeft({{"base_model.model.emb.lora_embedding_A", a},
                                  {"base_model.model.emb.lora_embedding_B", b},
                                  {"base_model.model.head.modules_to_save.weight", head},
                                  {"base_model.model.blocks.1.ln1.bias", bias}},
                                 kConfig);
}

// DiSHA blocks of every projection: `shape_of` gives the shape, `merge` adds them.
template <typename ShapeOf, typename Merge>
Weights MakeBlocks(Weights& merged, const std::string& prefix, const std::string& suffix, const ShapeOf& shape_of,
                   const Merge& merge) {
  Weights adapter;
  uint64_t seed = 1;
  for (int layer = 0; layer < 2; ++layer) {
    for (const char* projection : kProjections) {
      const std::string module = Module(layer, projection);
      Dense& w = merged.at(module + ".weight");
      const Dense d = Random(shape_of(w), 0.1f, seed++);
      merge(w, d);
      std::string name = prefix + module;
      adapter[name.append(suffix)] = d;
    }
  }
  return adapter;
}

constexpr const char* kPeft = "base_model.model.";

// 10 does not divide the inputs.
std::vector<uint64_t> ShardShape(const Dense& w) { return {10, w.rows()}; }

std::string MissOfPeft(const Making& making) {
  return making.folder.WritePeft(MakeBlocks(making.merged, kPeft, ".miss_block", ShardShape, AddShards),
                                 R"({"peft_type": "MISS", "r": 10, "init_weights": true})");
}

std::string MissMini(const Making& making) {
  const auto shape = [](const Dense&) { return std::vector<uint64_t>{16, 8}; };
  return making.folder.WritePeft(MakeBlocks(making.merged, kPeft, ".miss_block", shape, AddShards),
                                 R"({"peft_type": "MISS", "r": 16, "init_weights": "mini", "mini_r": 8})");
}

std::string BatOfPeft(const Making& making) {
  const auto shape = [](const Dense& w) { return std::vector<uint64_t>{w.rows() / 16, 16, 16}; };
  const auto merge = [](Dense& w, const Dense& d) { AddBlocks(w, d, true); };
  return making.folder.WritePeft(MakeBlocks(making.merged, kPeft, ".bone_block", shape, merge),
                                 R"({"peft_type": "BONE", "r": 16, "init_weights": "bat"})");
}

std::string Disha(const Making& making) {
  return WritePth(making.folder.Path("rwkv-0.pth"), MakeBlocks(making.merged, "", ".disha", ShardShape, AddShards));
}

std::string BatOfRwkvPeft(const Making& making) {
  const auto shape = [](const Dense& w) { return std::vector<uint64_t>{w.columns() / 16, 16, 16}; };
  const auto merge = [](Dense& w, const Dense& d) { AddBlocks(w, d, false); };
  return WritePth(making.folder.Path("rwkv-0.pth"), MakeBlocks(making.merged, "", ".bone", shape, merge));
}

std::string LoraOfRwkvPeft(const Making& making) {
  return WritePth(making.folder.Path("rwkv-0.pth"), MakeLora(making.merged, 4, PlainName, Two)) + ":2";
}

// The products where training started are taken away, so the model loses them and gets the trained ones.
std::string PissaOfRwkvPeft(const Making& making) {
  const auto initial = [](const std::string& module, char factor) {
    return "model." + module + ".init_lora_" + factor;
  };
  const Weights start = MakeLora(making.merged, 3, initial, [](const std::string&) { return -1.0; });
  const Weights trained = MakeLora(making.merged, 4, PlainName, [](const std::string&) { return 1.0; });
  return WritePth(making.folder.Path("rwkv-0.pth"), trained) + "\n" +
         WritePth(making.folder.Path("init_pissa.pth"), start);
}

std::string Replaced(std::string text, const std::vector<std::pair<std::string, std::string>>& words) {
  for (const auto& [from, to] : words) {
    const size_t at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
  }
  return text;
}

std::string Gguf(const Making& making) {
  const auto name = [](const std::string& module, char factor) {
    return Replaced(module, {{"blocks.", "blk."}, {"att.", "time_mix_"}, {"ffn.", "channel_mix_"}}) + ".weight.lora_" +
           static_cast<char>(std::tolower(factor));
  };
  Weights adapter = MakeLora(making.merged, 4, name, Two);
  const Dense a = Random({kV, 4}, 0.5f, 50);
  const Dense b = Random({kC, 4}, 0.5f, 51);
  AddProduct(making.merged.at("emb.weight"), Transposed(b), a, 2);
  adapter["token_embd.weight.lora_a"] = a;
  adapter["token_embd.weight.lora_b"] = b;
  return WriteGgufAdapter(making.folder.Path("lora.gguf"), adapter, 8);
}

// With two of fla's linear layers that the author has as parameters, which act from the right.
std::string Fla(const Making& making) {
  const auto name = [](const std::string& module, char factor) {
    return PeftName(Replaced(module, {{"blocks.", "model.layers."},
                                      {"att.receptance", "attn.r_proj"},
                                      {"att.key", "attn.k_proj"},
                                      {"att.value", "attn.v_proj"},
                                      {"att.output", "attn.o_proj"}}),
                    factor);
  };
  Weights adapter = MakeLora(making.merged, 4, name, Two);
  const struct {
    const char* author;
    const char* fla;
    uint64_t in, out;
  } factors[] = {{"att.w1", "attn.w_lora.lora.0", kC, kRank}, {"att.g2", "attn.g_lora.lora.2", kRank, kC}};
  uint64_t seed = 60;
  for (const auto& factor : factors) {
    const Dense a = Random({4, factor.in}, 0.3f, seed++);
    const Dense b = Random({factor.out, 4}, 0.3f, seed++);
    Dense& w = making.merged.at(Module(1, factor.author));
    Dense turned = Transposed(w);
    AddProduct(turned, a, b, 2);
    w = Transposed(turned);
    const std::string module = std::string("model.layers.1.") + factor.fla;
    adapter[PeftName(module, 'A')] = a;
    adapter[PeftName(module, 'B')] = b;
  }
  return making.folder.WritePeft(adapter, kConfig);
}

std::string HuggingFace(const Making& making) {
  const auto name = [](const std::string& module, char factor) {
    return PeftName(Replaced(module, {{"blocks.", "model.layers."}, {"att.", "attention."}, {"ffn.", "feed_forward."}}),
                    factor);
  };
  return making.folder.WritePeft(MakeLora(making.merged, 4, name, Two), kConfig);
}

std::string TwoStacked(const Making& making) {
  const std::string first = PeftFolder(making);
  const Weights second = MakeLora(making.merged, 2, PlainName, [](const std::string&) { return -0.25; });
  return first + "\n" + WritePth(making.folder.Path("second.pth"), second) + ":-0.25";
}

constexpr Form kForms[] = {
    {"PeftFolder", PeftFolder},
    {"PeftFile", PeftFile},
    {"PeftBin", PeftBin},
    {"RankStabilised", RankStabilised},
    {"AlphaPattern", AlphaPattern},
    {"Dora", Dora},
    {"EmbeddingAndSavedModules", EmbeddingAndSavedModules},
    {"MissOfPeft", MissOfPeft},
    {"MissMini", MissMini},
    {"BatOfPeft", BatOfPeft},
    {"Disha", Disha},
    {"BatOfRwkvPeft", BatOfRwkvPeft},
    {"LoraOfRwkvPeft", LoraOfRwkvPeft},
    {"PissaOfRwkvPeft", PissaOfRwkvPeft},
    {"Gguf", Gguf},
    {"Fla", Fla},
    {"HuggingFace", HuggingFace},
    {"TwoStacked", TwoStacked},
};

class AdapterFormsTest : public ::testing::TestWithParam<Form> {
 protected:
  std::vector<float> Logits(const std::string& path, const std::string& lora) const {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"lora", lora}});
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model.out(), &error), error));
    if (model.get() == nullptr) return {};
    const OwnedStream stream = MakeStream(model.get());
    return AllLogits(model.get(), stream.get(), ReadTokens(DataPath("v7-n16.tokens.json")));
  }

  static float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    float largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }

  // The model in .safetensors with the author's names, which the test can read.
  std::string WriteBase() const {
    std::string path = folder_.Path("base.safetensors");
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"type", "f32"}});
    skein_error error = {};
    EXPECT_TRUE(
        Ok(skein_model_convert(runtime_.get(), DataPath("v7-n16.pth").c_str(), path.c_str(), options.get(), &error),
           error));
    return path;
  }

  const CaseFolder folder_;
  const OwnedRuntime runtime_ = MakeRuntime();
};

TEST_P(AdapterFormsTest, GivesTheLogitsOfTheMergedWeights) {
  const std::string base = WriteBase();
  Weights merged = ReadSafetensors(base);
  const std::string lora = GetParam().make({folder_, merged});
  const std::vector<float> plain = Logits(base, "");
  const std::vector<float> expected = Logits(WriteSafetensors(folder_.Path("merged.safetensors"), merged), "");
  const std::vector<float> adapted = Logits(base, lora);
  ASSERT_EQ(adapted.size(), expected.size());
  EXPECT_LE(LargestDifference(adapted, expected), kTolerance);
  EXPECT_GE(LargestDifference(plain, expected), 0.1f) << "an adapter that changes next to nothing proves nothing";
}

INSTANTIATE_TEST_SUITE_P(All, AdapterFormsTest, ::testing::ValuesIn(kForms),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

// --- what a host sees of it ---

std::vector<std::string> Warnings(skein_runtime runtime) {
  std::vector<std::string> warnings;
  char text[1024];
  uint64_t size = 0;
  uint32_t severity = 0;
  while (skein_runtime_poll_log(runtime, text, sizeof(text), &size, &severity, nullptr) == SKEIN_OK) {
    if (severity >= SKEIN_LOG_WARNING) warnings.emplace_back(text, size);
  }
  return warnings;
}

TEST(AdapterLogTest, AScaleThatNothingSaysIsAWarningInTheLog) {
  const OwnedRuntime runtime = MakeRuntime();
  const auto load = [&](const std::string& lora) {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"lora", lora}});
    OwnedModel model;
    SKEIN_CALL(skein_model_load, runtime.get(), DataPath("v7-n16.pth").c_str(), options.get(), model.out());
  };
  load(DataPath("v7-n16.lora.pth") + ":0.5");
  EXPECT_TRUE(Warnings(runtime.get()).empty());
  load(DataPath("v7-n16.lora.pth"));
  const std::vector<std::string> warnings = Warnings(runtime.get());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("v7-n16.lora.pth: adapter: scale 1 is taken"));
}

// --- a file of a public report ---

TEST(PublicAdapterTest, PeftsFolderAndTheFileInItGiveTheMergedModel) {
  const std::string folder = SharedPath("public-reports/");
  if (folder.empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const OwnedRuntime runtime = MakeRuntime();
  const auto logits = [&](const std::string& name, const std::string& lora) {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"lora", lora}});
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(
        Ok(skein_model_load(runtime.get(), (folder + name).c_str(), options.get(), model.out(), &error), error));
    const OwnedStream stream = MakeStream(model.get());
    return AllLogits(model.get(), stream.get(), {1, 72, 102, 109, 109, 112, 33, 120, 262, 5});
  };
  const std::vector<float> expected = logits("peft-adapter.same.pth", "");
  for (const char* lora : {"peft-adapter", "peft-adapter/", "peft-adapter/adapter_model.safetensors"}) {
    const std::vector<float> found = logits("base.pth", folder + lora);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], kTolerance) << lora << " " << i;
  }
}

}  // namespace
}  // namespace skein::test
