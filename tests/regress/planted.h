#pragma once

namespace chitu::testing {

/// What the attention backend `planted` does beside attending as torch_sdpa does. The backend is
/// registered in this test program alone; a case that names it is worse as soon as a test says so.
struct Planted {
  int copies = 0;      ///< so many times: moves the result to the host and back
  bool noise = false;  ///< changes every result a little
  bool fails = false;  ///< throws
};

Planted& planted();

/// Sets it, and puts nothing there again at the end.
class Planting {
 public:
  explicit Planting(const Planted& what) { planted() = what; }
  ~Planting() { planted() = {}; }
  Planting(const Planting&) = delete;
  Planting& operator=(const Planting&) = delete;
};

}  // namespace chitu::testing
