#include "chitu_core/memory/shared_weights.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/component.h"
#include "tests/memory/toy_module.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

/// Where readers in threads of this process put their parts.
class Table {
 public:
  void put(std::int64_t call, int reader, const at::Tensor& part) {
    const std::lock_guard lock(mutex_);
    parts_[{call, reader}] = part.clone();
    changed_.notify_all();
  }
  at::Tensor get(std::int64_t call, int reader) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || parts_.contains({call, reader}); });
    if (failed_) throw Error("another reader failed");
    return parts_.at({call, reader});
  }
  void fail() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<std::int64_t, int>, at::Tensor> parts_;
  bool failed_ = false;
};

class ThreadReader final : public WeightReaders {
 public:
  ThreadReader(std::shared_ptr<Table> table, int rank, int size)
      : table_(std::move(table)), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void complete(const at::Tensor& buffer, const std::vector<std::int64_t>& cuts) override {
    const auto part = [&](int reader) {
      const auto i = static_cast<std::size_t>(reader);
      return buffer.narrow(0, cuts[i], cuts[i + 1] - cuts[i]);
    };
    table_->put(calls_, rank_, part(rank_));
    sent_ += part(rank_).numel() * (size_ - 1);
    for (int reader = 0; reader < size_; ++reader)
      if (reader != rank_) part(reader).copy_(table_->get(calls_, reader));
    ++calls_;
  }
  std::int64_t calls() const { return calls_; }
  std::int64_t sent() const { return sent_; }

 private:
  std::shared_ptr<Table> table_;
  int rank_, size_;
  std::int64_t calls_ = 0, sent_ = 0;
};

/// Calls work(reader) in a thread for each reader.
void read_together(int size,
                   const std::function<void(const std::shared_ptr<ThreadReader>&)>& work) {
  const auto table = std::make_shared<Table>();
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      const c10::InferenceMode inference;
      try {
        work(std::make_shared<ThreadReader>(table, rank, size));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
        table->fail();
      }
    });
  threads.clear();
  if (first) std::rethrow_exception(first);
}

ModelComponent<ToyModel> open(const std::filesystem::path& folder,
                              std::shared_ptr<WeightReaders> readers = nullptr) {
  ModelComponent<ToyModel> toy("transformer", std::make_shared<ToyModel>(),
                               std::make_shared<FileWeights>(folder));
  toy.share_reading(std::move(readers));
  return toy;
}

std::map<std::string, at::Tensor> bound(const Module& module) {
  std::map<std::string, at::Tensor> weights;
  module.visit_parameters([&](const std::string& name, const Parameter& parameter) {
    if (parameter.tensor.defined()) weights[name] = parameter.tensor.to(at::kCPU).clone();
  });
  return weights;
}

/// Of each layer of the passes, as the model sees them.
std::map<std::string, at::Tensor> streamed(ModelComponent<ToyModel>& toy, int passes) {
  std::map<std::string, at::Tensor> weights = bound(toy.module());
  LayerObserver* observer = toy.begin_passes(passes);
  for (int turn = 0; turn < 2 * passes; ++turn) {
    observer->before_layer(turn % 2);
    for (auto& [name, tensor] : bound(toy.module())) weights[name] = tensor;
    observer->after_layer(turn % 2);
  }
  toy.end_passes();
  return weights;
}

bool same(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.first == other.first && at::equal(one.second, other.second);
  });
}

void expect(bool holds, const char* what) {
  if (!holds) throw Error(what);
}

/// Weights that lie one behind another, in float32.
struct Rows {
  explicit Rows(const std::vector<std::vector<std::int64_t>>& shapes) {
    parameters.reserve(shapes.size());
    names.reserve(shapes.size());
    std::int64_t offset = 0;
    for (const auto& shape : shapes) {
      names.push_back("weight " + std::to_string(names.size()));
      parameters.push_back(Parameter{.shape = shape});
      rows.push_back({names.back(), parameters.back(), 0, parameters.back().rows(), offset});
      offset = rows.back().end_bytes();
    }
  }
  std::vector<std::string> names;
  std::vector<Parameter> parameters;
  std::vector<WeightRows> rows;
};

/// Reads nothing; weights whose names it holds are not read in parts.
struct Whole : WeightSource {
  std::vector<std::string> names{};
  void check(const Module&) const override {}
  StoredForm stored_form(const std::string&, const Parameter&) const override { return {}; }
  void read_into(const std::string&, const Parameter&, at::Tensor&) const override {}
  void read_rows(const std::string&, const Parameter&, std::int64_t, at::Tensor&) const override {}
  bool reads_parts(const std::string& name, const Parameter&) const override {
    return std::ranges::find(names, name) == names.end();
  }
  std::int64_t stored_bytes(const std::string&, const Parameter&) const override { return 0; }
  at::Tensor table(const std::string&, const Parameter&) const override { return {}; }
};

using Cuts = std::vector<std::int64_t>;

TEST_CASE("readers have about as many bytes each, cut between rows", "[memory]") {
  const Rows two({{4, 8}, {8, 4}});  // rows of 32 and 16 bytes
  CHECK(reading_cuts(two.rows, Whole(), 1) == Cuts{0, 256});
  CHECK(reading_cuts(two.rows, Whole(), 2) == Cuts{0, 128, 256});
  CHECK(reading_cuts(two.rows, Whole(), 3) == Cuts{0, 96, 176, 256});
  CHECK(reading_cuts(two.rows, Whole(), 4) == Cuts{0, 64, 128, 192, 256});
  const Rows few({{2, 16}});
  CHECK(reading_cuts(few.rows, Whole(), 4) == Cuts{0, 64, 64, 128, 128});
  const Rows none({{0, 3}, {0}});
  CHECK(reading_cuts(none.rows, Whole(), 2) == Cuts{0, 0, 0});
}

TEST_CASE("a weight that is not read in parts has one reader", "[memory]") {
  const Rows three({{4, 8}, {10, 8}, {2, 8}});
  Whole source;
  source.names = {"weight 1"};
  CHECK(reading_cuts(three.rows, source, 2) == Cuts{0, 128, 512});
  CHECK(reading_cuts(three.rows, source, 4) == Cuts{0, 128, 128, 448, 512});
}

TEST_CASE("who reads together gets the bits of one who reads alone, and reads each byte once",
          "[memory]") {
  const int size = GENERATE(1, 2, 3, 5);
  const auto stored = GENERATE(at::kFloat, at::kBFloat16);
  const c10::Device device =
      GENERATE(0, 1) == 0 ? c10::Device(c10::kCPU) : device::configure_sim({});
  const bool streams = GENERATE(false, true);
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_toy_checkpoint(folder.path(), stored);
  const auto load = [&](ModelComponent<ToyModel>& toy) {
    if (!streams) {
      toy.onload({device, at::kFloat});
      return bound(toy.module());
    }
    toy.onload_streamed({device, at::kFloat});
    return streamed(toy, 3);
  };
  const std::int64_t before = io::read_bytes();
  auto alone = open(folder.path());
  const auto expected = load(alone);
  const std::int64_t read = io::read_bytes() - before;
  read_together(size, [&](const auto& reader) {
    auto toy = open(folder.path(), reader);
    expect(same(load(toy), expected), "other weights");
  });
  CHECK(io::read_bytes() - before == 2 * read);
}

TEST_CASE("readers stay in step when passes end early", "[memory]") {
  const c10::Device device =
      GENERATE(0, 1) == 0 ? c10::Device(c10::kCPU) : device::configure_sim({});
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_toy_checkpoint(folder.path());
  auto alone = open(folder.path());
  alone.onload_streamed({device});
  const auto expected = streamed(alone, 1);
  std::mutex mutex;
  std::vector<std::int64_t> calls;
  read_together(3, [&](const auto& reader) {
    auto toy = open(folder.path(), reader);
    toy.onload_streamed({device}, {.slabs = 3});
    for (int round = 0; round < 30; ++round) {
      LayerObserver* observer = toy.begin_passes(4);
      for (int layer = 0; layer < round % 5; ++layer) {
        observer->before_layer(layer % 2);
        if ((round + reader->rank()) % 3 == 0)
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        observer->after_layer(layer % 2);
      }
      if (round % 2 == 0) toy.end_passes();
    }
    expect(same(streamed(toy, 1), expected), "other weights");
    const std::lock_guard lock(mutex);
    calls.push_back(reader->calls());
  });
  CHECK(calls == std::vector<std::int64_t>(3, calls.front()));
}

TEST_CASE("a stream that is freed amid a pass leaves its readers in step", "[memory]") {
  const testing::TemporaryFolder folder;
  write_toy_checkpoint(folder.path());
  read_together(2, [&](const auto& reader) {
    for (int round = 0; round < 10; ++round) {
      auto toy = open(folder.path(), reader);
      toy.onload_streamed({c10::kCPU});
      toy.begin_passes(3)->before_layer(0);
      if (reader->rank() == round % 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
}

TEST_CASE("a reader that fails ends the pass of the others", "[memory]") {
  const testing::TemporaryFolder whole, cut;
  write_toy_checkpoint(whole.path());
  std::filesystem::copy_file(whole / "model.safetensors", cut / "model.safetensors");
  const auto file = cut / "model.safetensors";
  CHECK_THROWS_WITH(
      read_together(2,
                    [&](const auto& reader) {
                      auto toy = open(reader->rank() == 1 ? cut.path() : whole.path(), reader);
                      toy.onload_streamed({c10::kCPU});
                      if (reader->rank() == 1)
                        std::filesystem::resize_file(file, std::filesystem::file_size(file) - 60);
                      streamed(toy, 2);
                    }),
      Catch::ContainsSubstring("the file has become shorter"));
}

TEST_CASE("each reader keeps its share in host memory, and reads no file again", "[memory]") {
  const bool streams = GENERATE(false, true);
  const c10::Device device = device::configure_sim({});
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_toy_checkpoint(folder.path());
  WeightFormat format{device};
  format.rests_on_host = true;
  const auto load = [&](ModelComponent<ToyModel>& toy) {
    if (!streams) {
      toy.onload(format);
      return bound(toy.module());
    }
    toy.onload_streamed(format);
    return streamed(toy, 2);
  };
  auto alone = open(folder.path());
  const auto expected = load(alone);
  const std::int64_t before = io::read_bytes();
  read_together(2, [&](const auto& reader) {
    auto toy = open(folder.path(), reader);
    for (int round = 0; round < 3; ++round) {
      expect(same(load(toy), expected), "other weights");
      toy.offload();
    }
  });
  CHECK(io::read_bytes() - before == alone.stored_bytes());
}

/// Counts what it would send.
class PlannedReader final : public WeightReaders {
 public:
  PlannedReader(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void complete(const at::Tensor&, const std::vector<std::int64_t>& cuts) override {
    const auto i = static_cast<std::size_t>(rank_);
    device::count_sent_weights((size_ - 1) * (cuts[i + 1] - cuts[i]));
  }

 private:
  int rank_, size_;
};

TEST_CASE("a dry run counts the reads and the bytes sent of each reader", "[memory]") {
  const bool on_host = GENERATE(false, true);
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_toy_checkpoint(folder.path());
  constexpr int kSize = 3;
  std::int64_t disk = 0, host = 0;
  std::vector<std::int64_t> planned;
  for (int rank = 0; rank < kSize; ++rank) {
    const device::DryRun dry_run({});
    WeightFormat format{device::DryRun::device()};
    format.rests_on_host = on_host;
    ModelComponent<ToyModel> toy("transformer", std::make_shared<ToyModel>(),
                                 std::make_shared<DryRunWeights>(nullptr, at::kFloat));
    toy.share_reading(std::make_shared<PlannedReader>(rank, kSize));
    toy.onload_streamed(format);
    LayerObserver* observer = toy.begin_passes(2);
    for (const int layer : {0, 1, 0, 1}) {
      observer->before_layer(layer);
      observer->after_layer(layer);
    }
    toy.offload();
    disk += dry_run.use().disk;
    host += dry_run.use().host;
    planned.push_back(dry_run.use().sent_weights);
  }
  const std::int64_t before = io::read_bytes();
  std::vector<std::int64_t> sent(kSize);
  const c10::Device device = device::configure_sim({});
  read_together(kSize, [&](const auto& reader) {
    auto toy = open(folder.path(), reader);
    WeightFormat format{device};
    format.rests_on_host = on_host;
    toy.onload_streamed(format);
    streamed(toy, 2);
    sent[static_cast<std::size_t>(reader->rank())] = reader->sent();
  });
  CHECK(planned == sent);
  CHECK(io::read_bytes() - before == disk);
  // Between them they hold one copy of the layers and of what is outside.
  CHECK(host == (on_host ? 2 * (2 * 3 + 3) * 4 + 4 * 4 : 0));
}

}  // namespace
}  // namespace chitu::memory
