#include "tools/chitu/batch/batch_recorder.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "tools/chitu/console.h"

namespace chitu::tools {
namespace {

void take_cost(JobRecord& record, const pipelines::ItemCost& cost) {
  record.seconds = cost.seconds;
  record.peak_device_bytes = cost.peak_device_bytes;
  record.peak_host_bytes = cost.peak_host_bytes;
}

}  // namespace

bool is_out_of_space(const std::string& error) {
  constexpr std::array kReasons{ENOSPC, EDQUOT, EFBIG, EROFS};
  return std::any_of(kReasons.begin(), kReasons.end(), [&](int reason) {
    return error.find(std::strerror(reason)) != std::string::npos;
  });
}

BatchRecorder::BatchRecorder(Journal& journal, BatchProgress& progress, const BatchPlaces& places,
                             std::span<const PreparedJob* const> jobs,
                             std::span<const pipelines::BatchItem> items)
    : journal_(journal), progress_(progress), places_(places), jobs_(jobs), items_(items) {}

void BatchRecorder::stage_begin(std::string_view stage, std::span<const std::size_t> items) {
  progress_.stage_begin(stage, items.size());
}

void BatchRecorder::latents_kept(std::size_t item, const std::filesystem::path& latents) {
  journal_.add_latents(index(item), digest_of(places_.spill, latents));
}

void BatchRecorder::item_saved(std::size_t item, const pipelines::SavedItem& saved) {
  JobRecord record{JobRecord::State::done};
  for (const auto& file : saved.files) record.media.push_back(digest_of(places_.folder, file));
  record.problems = saved.problems;
  take_cost(record, saved.cost);
  journal_.add_done(index(item), record);
  std::error_code ignored;
  if (!items_[item].latents.empty()) std::filesystem::remove(items_[item].latents, ignored);
  const std::string title = title_of(*jobs_[item]);
  logger("batch")->info("{} took {:.3f} s: {}", title, record.seconds, record.media.front().name);
  for (const std::string& problem : record.problems)
    progress_.note(console::label("warning") + title + ": " + problem);
  progress_.job_ended(title,
                      fmt::format("{}, {:.1f} s", record.media.front().name, record.seconds));
}

void BatchRecorder::item_failed(std::size_t item, const pipelines::FailedItem& failed) {
  JobRecord record{JobRecord::State::failed};
  try {
    std::rethrow_exception(failed.error);
  } catch (const Interrupted&) {
    return;  // it has not failed
  } catch (const std::exception& error) {
    record.error = explain(error);
    record.code = exit_code(error);
  }
  const std::string title = title_of(*jobs_[item]);
  if (is_out_of_space(record.error)) throw InputError(title + ": " + record.error);
  if (!failed.latents.empty()) record.latents = digest_of(places_.spill, failed.latents);
  take_cost(record, failed.cost);
  journal_.add_failed(index(item), record);
  logger("batch")->info("{} failed: {}", title, record.error);
  progress_.note(console::label("error") + title + ": " + record.error);
  progress_.job_ended(title, "failed");
}

void BatchRecorder::progress(double done) { progress_.window_done(done); }

}  // namespace chitu::tools
