#include "pipelines/model/model_identity.h"

#include "chitu_core/common/files.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/hash.h"

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

/// A component without a folder of its own is part of another, and is identified with that.
std::vector<std::string> with_folders(std::vector<std::string> components,
                                      const ModelFolder& folder) {
  std::erase_if(components, [&](const std::string& name) { return !folder.has(name); });
  return components;
}

}  // namespace

ModelIdentity identify_model(const std::filesystem::path& ckpt_dir,
                             const std::vector<std::string>& components, const ModelFiles& files) {
  const ModelFolder folder = ModelFolder::open(ckpt_dir);
  ModelIdentity identity{folder.class_name, {}};
  for (const std::string& name : with_folders(components, folder)) {
    const auto given = files.find(name);
    identity.weights[name] =
        sum_of(ckpt_dir / name, given == files.end() ? ckpt_dir / name : given->second);
  }
  return identity;
}

ModelIdentity nobodys_identity(const ModelFolder& folder,
                               const std::vector<std::string>& components) {
  ModelIdentity identity{folder.class_name, {}};
  for (const std::string& name : with_folders(components, folder))
    identity.weights[name] = std::string(kSumLength, '0');
  return identity;
}

}  // namespace chitu::pipelines
