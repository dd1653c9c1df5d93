#include <map>
#include <string>

#include "chitu_core/common/registry.h"
#include "pipelines/model/published_checkpoint.h"

namespace chitu::pipelines::wan {
namespace {

std::map<std::string, ComponentClass> components() {
  return {{"scheduler", {"diffusers", "UniPCMultistepScheduler"}},
          {"text_encoder", {"transformers", "UMT5EncoderModel"}},
          {"tokenizer", {"transformers", "T5TokenizerFast"}},
          {"transformer", {"diffusers", "WanTransformer3DModel"}},
          {"vae", {"diffusers", "AutoencoderKLWan"}}};
}

std::map<std::string, ComponentClass> with_image_encoder() {
  auto all = components();
  all["image_encoder"] = {"transformers", "CLIPVisionModel"};
  all["image_processor"] = {"transformers", "CLIPImageProcessor"};
  return all;
}

std::map<std::string, ComponentClass> with_two_experts() {
  auto all = components();
  all["transformer_2"] = all["transformer"];
  return all;
}

class WanImageCheckpoints final : public PublishedCheckpoints {
 public:
  std::vector<PublishedCheckpoint> list() const override {
    const char* const family = "WanImageToVideoPipeline";
    return {
        {"Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", "i2v-14b", 40, with_image_encoder(), family},
        {"Wan-AI/Wan2.1-I2V-14B-720P-Diffusers", "i2v-14b-720p", 40, with_image_encoder(), family},
        {"Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers", "flf2v-14b", 40, with_image_encoder(), family},
        {"Wan-AI/Wan2.2-I2V-A14B-Diffusers", "i2v-a14b", 40, with_two_experts(), family}};
  }
};
CHITU_REGISTER(PublishedCheckpoints, WanImageCheckpoints, "WanPipelineWithImages");

}  // namespace
}  // namespace chitu::pipelines::wan
