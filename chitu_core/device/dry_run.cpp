#include "chitu_core/device/dry_run.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_books.h"
#include "chitu_core/device/sim.h"

namespace chitu::device {
namespace {

constexpr c10::DeviceIndex kDeviceIndex = 0;
constexpr c10::DeviceIndex kHostIndex = 1;

thread_local DryRun::Books* current_books = nullptr;

/// The CPU's allocator; counts what a thread allocates in a dry run.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* base) : base_(base) {}

  c10::DataPtr allocate(std::size_t bytes) override {
    c10::DataPtr data = base_->allocate(bytes);
    DryRun::Books* books = DryRun::Books::current();
    return books ? books->count_on_host(std::move(data), static_cast<std::int64_t>(bytes))
                 : std::move(data);
  }
  c10::DeleterFnPtr raw_deleter() const override { return base_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    base_->copy_data(to, from, bytes);
  }

 private:
  c10::Allocator* base_;
};

void count_host_memory() {
  static std::once_flag done;
  std::call_once(done, [] {
    static CountingAllocator counting(c10::GetCPUAllocator());
    c10::SetCPUAllocator(&counting, /*priority=*/1);
  });
}

}  // namespace

struct DryRun::Books::Block {
  std::shared_ptr<Books> books;
  std::int64_t bytes;
  bool on_host;
};

struct DryRun::Books::HostBlock {
  std::shared_ptr<Books> books;
  std::int64_t bytes;
  c10::DataPtr data;
};

void add_work(DryRunUse& sum, const DryRunUse& use, std::int64_t times) {
  sum.h2d += times * use.h2d;
  sum.d2h += times * use.d2h;
  sum.disk += times * use.disk;
  sum.sent += times * use.sent;
  sum.sent_weights += times * use.sent_weights;
  add(sum.exchanges, use.exchanges, times);
  sum.flops += static_cast<double>(times) * use.flops;
}

DryRun::Books* DryRun::Books::current() noexcept { return current_books; }
void DryRun::Books::set_current(Books* books) noexcept { current_books = books; }

void DryRun::Books::reset_peaks() {
  use_.peak_device = use_.device;
  use_.peak_host = use_.host;
}

c10::DataPtr DryRun::Books::allocate(std::int64_t bytes, c10::Device device) {
  const bool on_host = device.index() == kHostIndex;
  const std::int64_t granule = on_host ? 1 : device_.granule;
  auto* block = new Block{shared_from_this(), (bytes + granule - 1) / granule * granule, on_host};
  add(block, block->bytes, on_host);
  return {nullptr, block, &release, device};
}

void DryRun::Books::add(const void* key, std::int64_t bytes, bool on_host) {
  std::int64_t& use = on_host ? use_.host : use_.device;
  std::int64_t& peak = on_host ? use_.peak_host : use_.peak_device;
  use += bytes;
  peak = std::max(peak, use);
  if (watched_ == 0 || on_host != watches_host_) return;
  live_[key] = {bytes, fmt::format("{}", fmt::join(parts_, " / ")), std::string(operator_)};
  if (use >= watched_ && peak_.held.empty()) keep_peak();
}

void DryRun::Books::keep_peak() {
  peak_ = {fmt::format("{}", fmt::join(parts_, " / ")), std::string(operator_), {}};
  for (const auto& [key, what] : live_) peak_.held.push_back(what);
  std::sort(peak_.held.begin(), peak_.held.end(), [](const DryRunBlock& a, const DryRunBlock& b) {
    return std::tie(b.bytes, a.where, a.made_by) < std::tie(a.bytes, b.where, b.made_by);
  });
}

c10::DataPtr DryRun::Books::allocate_like(const c10::DataPtr& twin, std::int64_t bytes,
                                          c10::Device device) {
  const auto found = live_.find(twin.get_context());
  const std::string made_by = found == live_.end() ? "" : found->second.made_by;
  operator_ = made_by;
  c10::DataPtr made = allocate(bytes, device);
  operator_ = {};
  return made;
}

DryRunUse DryRun::Books::measure(const std::function<void()>& work) {
  const DryRunUse before = use_;
  reset_peaks();
  work();
  const DryRunUse after = use_;
  use_.peak_device = std::max(before.peak_device, after.peak_device);
  use_.peak_host = std::max(before.peak_host, after.peak_host);
  DryRunUse used = after;
  add_work(used, before, -1);
  used.device = after.device - before.device;
  used.peak_device = after.peak_device - before.device;
  used.host = after.host - before.host;
  used.peak_host = after.peak_host - before.host;
  return used;
}

bool DryRun::Books::comes_to_watched(const DryRunUse& measured) const {
  if (watched_ == 0 || !peak_.held.empty()) return false;
  const std::int64_t most =
      watches_host_ ? use_.host + measured.peak_host : use_.device + measured.peak_device;
  return most >= watched_;
}

void DryRun::Books::count_again(const DryRunUse& measured, std::int64_t times) {
  use_.peak_device = std::max(use_.peak_device, use_.device + measured.peak_device);
  use_.peak_host = std::max(use_.peak_host, use_.host + measured.peak_host);
  add_work(use_, measured, times);
}

void DryRun::Books::release(void* block) {
  const auto* owned = static_cast<Block*>(block);
  (owned->on_host ? owned->books->use_.host : owned->books->use_.device) -= owned->bytes;
  owned->books->live_.erase(owned);
  delete owned;
}

c10::DataPtr DryRun::Books::count_on_host(c10::DataPtr data, std::int64_t bytes) {
  void* at = data.get();
  const c10::Device device = data.device();
  auto* block = new HostBlock{shared_from_this(), bytes, std::move(data)};
  add(block, bytes, true);
  return {at, block, &release_on_host, device};
}

void DryRun::Books::release_on_host(void* block) {
  const auto* owned = static_cast<HostBlock*>(block);
  owned->books->use_.host -= owned->bytes;
  owned->books->live_.erase(owned);
  delete owned;
}

DryRun::DryRun(const ImitatedDevice& device, Repetition repetition)
    : books_(std::make_shared<Books>(device, repetition)) {
  if (in_dry_run()) throw Error("a dry run inside a dry run");
  register_sim();
  count_host_memory();
  Books::set_current(books_.get());
}

DryRun::~DryRun() { Books::set_current(nullptr); }

c10::Device DryRun::device() { return c10::Device(c10::kPrivateUse1, kDeviceIndex); }
c10::Device DryRun::host() { return c10::Device(c10::kPrivateUse1, kHostIndex); }
DryRunUse DryRun::use() const { return books_->use(); }
void DryRun::reset_peaks() { books_->reset_peaks(); }
void DryRun::watch(std::int64_t bytes, bool on_host) { books_->watch(bytes, on_host); }
const DryRunPeak& DryRun::peak() const { return books_->peak(); }

DryRunPart::DryRunPart(const std::string& name) : books_(DryRun::Books::current()) {
  if (books_) books_->begin_part(name);
}

DryRunPart::~DryRunPart() {
  if (books_) books_->end_part();
}

bool in_dry_run() { return DryRun::Books::current() != nullptr; }

bool is_host(c10::Device device) { return device.is_cpu() || device == DryRun::host(); }

bool has_host_kernels(c10::Device device) {
  if (is_host(device)) return true;
  if (device.type() != c10::kPrivateUse1) return false;
  const auto* books = DryRun::Books::current();
  return !books || books->device().host_kernels;
}

c10::Device host() { return in_dry_run() ? DryRun::host() : c10::Device(c10::kCPU); }

void count_disk_read(std::int64_t bytes) {
  if (auto* books = DryRun::Books::current()) books->use().disk += bytes;
}

void count_sent_weights(std::int64_t bytes) {
  if (auto* books = DryRun::Books::current()) books->use().sent_weights += bytes;
}

}  // namespace chitu::device
