#include "chitu_core/common/registry.h"
#include "pipelines/model/published_checkpoint.h"

namespace chitu::pipelines::qwen_image {
namespace {

class QwenImageCheckpoints final : public PublishedCheckpoints {
 public:
  std::vector<PublishedCheckpoint> list() const override {
    return {{"Qwen/Qwen-Image",
             "qwen-image",
             24,
             {{"scheduler", {"diffusers", "FlowMatchEulerDiscreteScheduler"}},
              {"text_encoder", {"transformers", "Qwen2_5_VLForConditionalGeneration"}},
              {"tokenizer", {"transformers", "Qwen2Tokenizer"}},
              {"transformer", {"diffusers", "QwenImageTransformer2DModel"}},
              {"vae", {"diffusers", "AutoencoderKLQwenImage"}}}}};
  }
};
CHITU_REGISTER(PublishedCheckpoints, QwenImageCheckpoints, "qwen_image");

}  // namespace
}  // namespace chitu::pipelines::qwen_image
