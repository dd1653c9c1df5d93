#pragma once

#include "chitu_core/device/dry_run.h"
#include "tests/support/catch.h"

namespace chitu::testing {

inline void check_same(const device::DryRunUse& a, const device::DryRunUse& b) {
  CHECK(a.device == b.device);
  CHECK(a.peak_device == b.peak_device);
  CHECK(a.host == b.host);
  CHECK(a.peak_host == b.peak_host);
  CHECK(a.h2d == b.h2d);
  CHECK(a.d2h == b.d2h);
  CHECK(a.disk == b.disk);
  CHECK(a.sent == b.sent);
  CHECK((a.exchanges == b.exchanges));
  CHECK(a.sent_weights == b.sent_weights);
  CHECK(a.flops == b.flops);
}

}  // namespace chitu::testing
