#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <semaphore>

#include "chitu_core/device/device.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/pinned.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/device/sim/streams.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

/// A side stream that is blocked until release().
class HeldStream {
 public:
  explicit HeldStream(c10::Stream stream) : stream_(stream) {
    sim::streams::enqueue(stream_, [this] { gate_.acquire(); });
  }
  ~HeldStream() {
    let_go();
    sim::streams::wait(stream_);
  }
  void let_go() {
    if (!std::exchange(gone_, true)) gate_.release();
  }

 private:
  c10::Stream stream_;
  std::binary_semaphore gate_{0};
  bool gone_ = false;
};

struct Streams {
  const c10::InferenceMode inference;
  const c10::Device device = configure_sim({});
  const c10::impl::VirtualGuardImpl guard{device.type()};
  const c10::Stream copies = guard.getStreamFromGlobalPool(device);
  const at::Tensor there = at::zeros({16}).to(device);
  at::Tensor values() const { return there.to(at::kCPU); }
};

at::Tensor pinned_ones(c10::Device device) {
  const at::Tensor floats = pinned_memory(64, device).view(at::kFloat);
  floats.fill_(1);
  return floats;
}

TEST_CASE("a copy from pinned memory is queued on its stream while the caller continues",
          "[device]") {
  const Streams s;
  const at::Tensor ones = pinned_ones(s.device);
  HeldStream held(s.copies);
  c10::Event copied(s.device.type());
  {
    const c10::StreamGuard on(s.copies);
    s.there.copy_(ones, /*non_blocking=*/true);
    copied.record(s.copies);
  }
  CHECK_FALSE(copied.query());
  CHECK_FALSE(s.guard.queryStream(s.copies));
  CHECK(s.values().sum().item<float>() == 0);  // the default stream does not wait
  held.let_go();
  copied.block(s.guard.getStream(s.device));  // until it is released
  CHECK(s.values().sum().item<float>() == 16);
}

TEST_CASE("a copy from pageable memory is finished when the call returns", "[device]") {
  const Streams s;
  {
    const c10::StreamGuard on(s.copies);
    s.there.copy_(at::ones({16}), /*non_blocking=*/true);
  }
  CHECK(s.guard.queryStream(s.copies));
  CHECK(s.values().sum().item<float>() == 16);
}

TEST_CASE("a stream waits for an event of another stream, and not for a later one", "[device]") {
  const Streams s;
  const at::Tensor ones = pinned_ones(s.device);
  const c10::Stream other = s.guard.getStreamFromGlobalPool(s.device);
  REQUIRE(other != s.copies);
  HeldStream held(other);
  c10::Event reached(s.device.type()), copied(s.device.type());
  reached.record(other);
  reached.block(s.copies);
  {
    const c10::StreamGuard on(s.copies);
    s.there.copy_(ones, true);
    copied.record(s.copies);
  }
  CHECK_FALSE(copied.query());
  held.let_go();
  copied.synchronize();
  CHECK(reached.query());
  CHECK(s.values().sum().item<float>() == 16);

  const HeldStream again(other);
  c10::Event later(s.device.type());
  later.record(s.copies);
  reached.record(other);  // a new point: the queue of copies waits for the old one only
  later.synchronize();
  CHECK(later.query());
  CHECK_FALSE(reached.query());
}

TEST_CASE("work on a side stream runs after its copies, and synchronizing waits for all streams",
          "[device]") {
  const Streams s;
  const at::Tensor ones = pinned_ones(s.device);
  {
    const c10::StreamGuard on(s.copies);
    s.there.copy_(ones, true);
    s.there.mul_(3);
    s.there.copy_(ones, true);
  }
  synchronize(s.device);
  CHECK(s.guard.queryStream(s.copies));
  CHECK(s.values().sum().item<float>() == 16);
}

TEST_CASE("pinning can fail, and a dry run counts what its allocator takes", "[device]") {
  const Streams s;
  inject_sim_faults({.pinning = 1});
  CHECK_THROWS_AS(pinned_memory(64, s.device), c10::Error);
  CHECK(pinned_memory(64, s.device).numel() == 64);
  for (const bool rounds : {false, true}) {
    const DryRun dry_run({.rounds_pinned = rounds});
    const at::Tensor planned = pinned_memory(1025, DryRun::device());
    CHECK(planned.numel() == 1025);
    CHECK(dry_run.use().host == (rounds ? 2048 : 1025));
  }
}

TEST_CASE("an error on a stream of the simulated device is thrown by the next wait", "[sim]") {
  const Streams streams;
  const c10::Stream stream = sim::streams::from_pool();
  sim::streams::enqueue(stream, [] { throw std::bad_alloc(); });
  CHECK_THROWS_AS(sim::streams::wait(stream), std::bad_alloc);
  CHECK_NOTHROW(sim::streams::wait(stream));
}

}  // namespace
}  // namespace chitu::device
