#include "pipelines/model/model_identity.h"

#include "chitu_core/common/files.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/hash.h"
#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kSumLength = 64;

/// weights_at  the component's folder, or the file in its place
std::string sum_of(const std::filesystem::path& component,
                   const std::filesystem::path& weights_at) {
  io::Sha256 sum;
  sum.update(read_file(component / "config.json"));
  const io::Checkpoint weights = io::Checkpoint::open(weights_at);
  for (const io::TensorFile& file : weights.files()) sum.update(io::sampled_sum(file));
  return sum.finish();
}

}  // namespace

ModelIdentity identify_model(const std::filesystem::path& ckpt_dir,
                             const std::vector<std::string>& components, const ModelFiles& files) {
  ModelIdentity identity{ModelFolder::open(ckpt_dir).class_name, {}};
  for (const std::string& name : components) {
    const auto given = files.find(name);
    identity.weights[name] =
        sum_of(ckpt_dir / name, given == files.end() ? ckpt_dir / name : given->second);
  }
  return identity;
}

ModelIdentity nobodys_identity(const std::string& family,
                               const std::vector<std::string>& components) {
  ModelIdentity identity{family, {}};
  for (const std::string& name : components) identity.weights[name] = std::string(kSumLength, '0');
  return identity;
}

}  // namespace chitu::pipelines
