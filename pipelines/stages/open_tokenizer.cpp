#include "pipelines/stages/open_tokenizer.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {

std::shared_ptr<const io::Tokenizer> open_tokenizer(
    const ModelFolder& folder, const std::vector<std::string>& classes, bool for_plan,
    const std::function<std::shared_ptr<const io::Tokenizer>()>& in_weights) {
  if (const auto given = folder.files.find("tokenizer"); given != folder.files.end())
    return io::Tokenizer::load_file(given->second);
  if (!std::filesystem::is_directory(folder.path / "tokenizer")) {
    if (for_plan) return nullptr;
    if (auto found = in_weights ? in_weights() : nullptr) return found;
    if (!folder.files.empty())
      throw InputError(
          fmt::format("model.files.tokenizer: missing, as neither model.ckpt_dir={} nor the text "
                      "encoder's file has a tokenizer; expected tokenizer.json of the model, as in "
                      "the folder tokenizer of its checkpoint in the diffusers layout",
                      folder.path.string()));
  }
  return io::Tokenizer::load(folder.component("tokenizer", "transformers", classes));
}

}  // namespace chitu::pipelines
