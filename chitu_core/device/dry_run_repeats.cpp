#include "chitu_core/device/dry_run_repeats.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_books.h"
#include "chitu_core/device/sim/tensors.h"

namespace chitu::device {
namespace {

bool changes_held(const DryRunUse& measured) { return measured.device != 0 || measured.host != 0; }

void count_and_skip(DryRun::Books& books, const DryRunUse& measured,
                    const std::function<void()>& skip) {
  books.count_again(measured);
  if (!skip) return;
  const DryRunUse skipped = books.measure(skip);
  if (skipped.device != measured.device || skipped.host != measured.host)
    throw Error(
        fmt::format("work in a dry run changed the bytes held by {} on the device and {} on the "
                    "host, but by {} and {} when it was only counted",
                    measured.device, measured.host, skipped.device, skipped.host));
}

}  // namespace

void DryRunRepeats::plan(const Kind& kind, const std::function<void()>& work,
                         const std::function<void()>& skip) {
  DryRun::Books& books = *DryRun::Books::current();
  if (books.repetition() == Repetition::done) return work();
  const auto known =
      std::find_if(done_.begin(), done_.end(), [&](const Done& done) { return done.kind == kind; });
  if (known == done_.end()) {
    done_.push_back({kind, books.measure(work)});
    return;
  }
  const bool repeats = skip || !changes_held(known->measured);
  if (repeats && !books.comes_to_watched(known->measured))
    return count_and_skip(books, known->measured, skip);
  known->measured = books.measure(work);
}

void plan_runs(std::int64_t total, std::int64_t most,
               const std::function<void(std::int64_t, std::int64_t)>& work) {
  DryRun::Books& books = *DryRun::Books::current();
  const bool counts = books.repetition() == Repetition::counted;
  for (std::int64_t start = 0; start < total; start += most) {
    const DryRunUse measured = books.measure([&] { work(start, std::min(most, total - start)); });
    if (changes_held(measured)) throw Error("work in a dry run changed the bytes held");
    const std::int64_t alike = (total - start) / most - 1;  // runs of the same size that follow
    if (!counts || alike <= 0) continue;
    books.count_again(measured, alike);
    start += alike * most;
  }
}

at::Tensor dry_run_twin(const at::Tensor& tensor) {
  const c10::Storage& storage = tensor.storage();
  const auto bytes = static_cast<std::int64_t>(storage.nbytes());
  return sim::with_layout_of(tensor,
                             c10::Storage(c10::Storage::use_byte_size_t(), storage.nbytes(),
                                          DryRun::Books::current()->allocate_like(
                                              storage.data_ptr(), bytes, tensor.device()),
                                          &sim::Memory::instance(), /*resizable=*/true),
                             c10::DispatchKey::PrivateUse1);
}

}  // namespace chitu::device
