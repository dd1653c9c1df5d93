// The simulated device as libtorch sees a backend: guard, hooks, and its name.
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <mutex>

#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/device/sim/memory.h"
#include "chitu_core/device/sim/pinned_memory.h"
#include "chitu_core/device/sim/streams.h"

namespace chitu::device {
namespace sim {
namespace {

const c10::Device kDevice(kType, 0);

class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Device getDevice() const override { return kDevice; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }

  c10::Stream getStream(c10::Device) const override { return streams::current(); }
  c10::Stream getDefaultStream(c10::Device) const override { return streams::default_stream(); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override {
    return streams::from_pool();
  }
  c10::Stream getNewStream(c10::Device, int) const override { return streams::from_pool(); }
  c10::Stream exchangeStream(c10::Stream to) const override { return streams::exchange(to); }
  bool queryStream(const c10::Stream& stream) const override { return streams::is_idle(stream); }
  void synchronizeStream(const c10::Stream& stream) const override { streams::wait(stream); }
  void synchronizeDevice(c10::DeviceIndex) const override { streams::wait_for_all(); }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex,
              c10::EventFlag) const override {
    streams::record(event, stream);
  }
  void block(void* event, const c10::Stream& stream) const override {
    streams::block(stream, event);
  }
  bool queryEvent(void* event) const override { return streams::has_come(event); }
  void synchronizeEvent(void* event) const override { streams::wait_for(event); }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override {
    streams::destroy(event);
  }
  double elapsedTime(void* from, void* to, c10::DeviceIndex) const override {
    return streams::elapsed_ms(from, to);
  }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

class Hooks final : public at::PrivateUse1HooksInterface {
 public:
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  void init() const override {}
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &PinnedMemory::instance(); }
  bool isPinnedPtr(const void* data) const override { return PinnedMemory::instance().holds(data); }
};

}  // namespace
}  // namespace sim

void register_sim() {
  static std::once_flag registered;
  has_accelerator();  // asks libtorch while it still answers with a real one
  std::call_once(registered, [] {
    static sim::Hooks hooks;
    at::RegisterPrivateUse1HooksInterface(&hooks);
    c10::register_privateuse1_backend("sim");
    c10::SetAllocator(sim::kType, &sim::Memory::instance());
  });
}

c10::Device configure_sim(const SimOptions& options) {
  register_sim();
  sim::Memory::instance().configure(options);
  return sim::kDevice;
}

SimTraffic sim_traffic() { return sim::Memory::instance().traffic(); }
void inject_sim_faults(const SimFaults& faults) { sim::Memory::instance().inject(faults); }

}  // namespace chitu::device
