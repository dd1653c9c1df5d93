#include "chitu_core/device/shared_host_memory.h"

#include <ATen/ATen.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

constexpr std::int64_t kBytes = 100'000;

void write_sevens(const at::Tensor& block) { block.fill_(7); }

bool are_sevens(const at::Tensor& block) {
  return block.numel() == kBytes && block.eq(7).all().item<bool>();
}

/// Two processes' views of the same memory.
struct Both {
  std::shared_ptr<SharedHostMemory> one = SharedHostMemory::make();
  std::shared_ptr<SharedHostMemory> other = SharedHostMemory::open(one->place());
};

TEST_CASE("a block is filled once, for all who ask for it", "[device]") {
  const Both memory;
  REQUIRE(memory.other);
  int fills = 0;
  const auto fill = [&](const at::Tensor& block) {
    ++fills;
    write_sevens(block);
  };
  const at::Tensor first = memory.one->get("a", kBytes, fill);
  const at::Tensor second = memory.other->get("a", kBytes, fill);
  CHECK(fills == 1);
  CHECK(are_sevens(first));
  CHECK(are_sevens(second));
  CHECK(memory.one->used_bytes() == kBytes);
  memory.other->get("b", kBytes, fill);
  CHECK(fills == 2);
  CHECK_THROWS_AS(memory.one->get("a", kBytes + 1, fill), Error);
}

TEST_CASE("a block that nobody has any more is freed, and filled again", "[device]") {
  const Both memory;
  at::Tensor first = memory.one->get("a", kBytes, write_sevens);
  at::Tensor second = memory.other->get("a", kBytes, write_sevens);
  first.reset();
  CHECK(memory.one->used_bytes() == kBytes);
  CHECK(are_sevens(second));
  second.reset();
  CHECK(memory.one->used_bytes() == 0);
  bool filled = false;
  memory.other->get("a", kBytes, [&](const at::Tensor& block) {
    filled = block.eq(0).all().item<bool>();  // its pages were given back
  });
  CHECK(filled);
}

TEST_CASE("who asks while another fills waits for it", "[device]") {
  const Both memory;
  std::atomic<int> fills = 0;
  std::vector<at::Tensor> blocks(4);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    threads.emplace_back([&, i] {
      const auto& mine = i % 2 == 0 ? memory.one : memory.other;
      blocks[i] = mine->get("a", kBytes, [&](const at::Tensor& block) {
        ++fills;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        write_sevens(block);
      });
    });
  threads.clear();
  CHECK(fills == 1);
  for (const at::Tensor& block : blocks) CHECK(are_sevens(block));
}

TEST_CASE("a block whose filling fails is filled by the next who asks", "[device]") {
  const Both memory;
  CHECK_THROWS_WITH(memory.one->get("a", kBytes, [](const at::Tensor&) { throw Error("no disk"); }),
                    "no disk");
  CHECK(are_sevens(memory.other->get("a", kBytes, write_sevens)));
}

TEST_CASE("the process that fills a block may be killed: the next one fills it", "[device]") {
  const auto memory = SharedHostMemory::make();
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    memory->get("a", kBytes, [&](const at::Tensor&) {
      const char byte = 1;
      static_cast<void>(!::write(ready[1], &byte, 1));
      ::pause();
    });
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(are_sevens(memory->get("a", kBytes, write_sevens)));
}

TEST_CASE("waiting for another process ends when the check throws", "[device]") {
  const Both memory;
  std::atomic<bool> fills = false, goes_on = false;
  std::jthread filler([&] {
    memory.one->get("a", kBytes, [&](const at::Tensor&) {
      fills = true;
      while (!goes_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
  });
  while (!fills) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  memory.other->check_while_waiting([] { throw Error("rank 0 has ended"); });
  CHECK_THROWS_WITH(memory.other->get("a", kBytes, write_sevens), "rank 0 has ended");
  goes_on = true;
}

TEST_CASE("memory of a process that does not exist cannot be opened", "[device]") {
  CHECK(SharedHostMemory::open({.process = 1 << 30, .descriptor = 3}) == nullptr);
}

TEST_CASE("a host without memory for a block says so", "[device]") {
  const auto memory = SharedHostMemory::make();
  constexpr std::int64_t kTooMuch = std::int64_t{1} << 60;
  CHECK_THROWS_AS(memory->get("a", kTooMuch, write_sevens), OutOfMemoryError);
  CHECK(memory->used_bytes() == 0);
}

}  // namespace
}  // namespace chitu::device
