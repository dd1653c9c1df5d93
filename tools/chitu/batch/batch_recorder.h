#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipelines/batch/batch.h"
#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/batch_progress.h"
#include "tools/chitu/batch/journal.h"
#include "tools/chitu/batch/prepared_job.h"

namespace chitu::tools {

/// Whether an error says that nothing more can be written: the disk is full, or a quota or a limit
/// on file sizes is reached. All later jobs would fail of it as well.
bool is_out_of_space(const std::string& error);

/// Writes what happens to the jobs of a window to the journal and shows it.
class BatchRecorder final : public pipelines::BatchObserver {
 public:
  /// jobs, items  of the window, in the same order
  BatchRecorder(Journal& journal, BatchProgress& progress, const BatchPlaces& places,
                std::span<const PreparedJob* const> jobs,
                std::span<const pipelines::BatchItem> items);

  void stage_begin(std::string_view stage, std::span<const std::size_t> items) override;
  void latents_kept(std::size_t item, const std::filesystem::path& latents) override;
  /// Also removes latents of an earlier window, which are not the engine's.
  void item_saved(std::size_t item, const pipelines::SavedItem& saved) override;
  /// throws  InputError when the disk is full, which ends the batch: the job has not failed
  void item_failed(std::size_t item, const pipelines::FailedItem& failed) override;
  void progress(double done) override;

 private:
  std::size_t index(std::size_t item) const { return jobs_[item]->index; }

  Journal& journal_;
  BatchProgress& progress_;
  const BatchPlaces& places_;
  std::span<const PreparedJob* const> jobs_;
  std::span<const pipelines::BatchItem> items_;
};

}  // namespace chitu::tools
