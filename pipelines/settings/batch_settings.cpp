#include "pipelines/settings/batch_settings.h"

#include <limits>

#include "chitu_core/common/error.h"
#include "chitu_core/io/hash.h"

namespace chitu::pipelines {

using config::at_least;
using config::between;

namespace {
// More requests than this hold more activations at a time than any device has room for.
constexpr double kMostTogether = 1024;
}  // namespace

void BatchSettings::bind(config::Binder& b) {
  b.field("dir", dir,
          "folder of the media, the journal and the summary; null: batch/<name of the list>");
  b.field("window", window, at_least(1),
          "jobs that pass the stages together: each component is loaded once for them");
  b.field("size", size, between(1, kMostTogether),
          "jobs of the same size and steps that pass the transformer together, which reads its "
          "weights once for them; needs their activations at a time and changes no result");
  b.field("spill_limit", spill_limit,
          "most disk space for what waits between the stages, such as 4GiB; null: any");
  b.field(
      "spill_dir", spill_dir,
      "folder for what waits between the stages, such as one on a fast disk; null: spill in the "
      "folder of the batch");
  b.field("shard", shard,
          "the part i/n of the list, such as 1/4; null: as Slurm or torchrun says, else all");
}

std::filesystem::path BatchSettings::folder(const std::string& stem) const {
  if (dir && dir->empty()) throw InputError("batch.dir='': expected a folder or null");
  const std::filesystem::path path = dir ? *dir : "batch/" + stem;
  return std::filesystem::absolute(path).lexically_normal();
}

std::filesystem::path BatchSettings::spill_folder(const std::filesystem::path& folder) const {
  if (!spill_dir) return folder / kSpillFolder;
  if (spill_dir->empty()) throw InputError("batch.spill_dir='': expected a folder or null");
  // Batches share such a folder.
  constexpr std::size_t kDigits = 8;
  const std::string name =
      folder.filename().string() + "-" + io::sha256(folder.string()).substr(0, kDigits);
  return std::filesystem::absolute(*spill_dir).lexically_normal() / name;
}

std::int64_t BatchSettings::spill_limit_bytes() const {
  return spill_limit ? spill_limit->count : std::numeric_limits<std::int64_t>::max();
}

}  // namespace chitu::pipelines
