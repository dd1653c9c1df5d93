#include <initializer_list>
#include <map>
#include <string>

#include "chitu_core/common/registry.h"
#include "pipelines/model/published_checkpoint.h"

namespace chitu::pipelines::wan {
namespace {

const ComponentClass kTransformer{"diffusers", "WanTransformer3DModel"};

std::map<std::string, ComponentClass> components(std::initializer_list<std::string> transformers = {
                                                     "transformer"}) {
  std::map<std::string, ComponentClass> components{
      {"scheduler", {"diffusers", "UniPCMultistepScheduler"}},
      {"text_encoder", {"transformers", "UMT5EncoderModel"}},
      {"tokenizer", {"transformers", "T5TokenizerFast"}},
      {"vae", {"diffusers", "AutoencoderKLWan"}}};
  for (const std::string& name : transformers) components[name] = kTransformer;
  return components;
}

class WanCheckpoints final : public PublishedCheckpoints {
 public:
  std::vector<PublishedCheckpoint> list() const override {
    return {{"Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "1.3b", 12, components()},
            {"Wan-AI/Wan2.2-T2V-A14B-Diffusers", "a14b", 40,
             components({"transformer", "transformer_2"})},
            {"Wan-AI/Wan2.2-TI2V-5B-Diffusers", "ti2v-5b", 24, components()},
            {"Wan-AI/Wan2.1-T2V-14B-Diffusers", "14b", 40, components()}};
  }
};
CHITU_REGISTER(PublishedCheckpoints, WanCheckpoints, "WanPipeline");

}  // namespace
}  // namespace chitu::pipelines::wan
