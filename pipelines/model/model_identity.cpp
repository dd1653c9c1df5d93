#include "pipelines/model/model_identity.h"

#include "chitu_core/common/files.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/hash.h"
#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kSumLength = 64;

std::string sum_of(const std::filesystem::path& component) {
  io::Sha256 sum;
  sum.update(read_file(component / "config.json"));
  const io::Checkpoint weights(component);
  for (const io::SafetensorsFile& file : weights.files()) sum.update(io::sampled_sum(file));
  return sum.finish();
}

}  // namespace

ModelIdentity identify_model(const std::filesystem::path& ckpt_dir,
                             const std::vector<std::string>& components) {
  const ModelFolder folder = ModelFolder::open(ckpt_dir);
  ModelIdentity identity{folder.class_name, {}};
  // A component that the index does not name reads the files of another one.
  for (const std::string& name : components)
    if (folder.has(name)) identity.weights[name] = sum_of(ckpt_dir / name);
  return identity;
}

ModelIdentity nobodys_identity(const std::string& family,
                               const std::vector<std::string>& components) {
  ModelIdentity identity{family, {}};
  for (const std::string& name : components) identity.weights[name] = std::string(kSumLength, '0');
  return identity;
}

}  // namespace chitu::pipelines
