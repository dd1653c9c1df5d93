#pragma once

namespace chitu::testing {

/// What the attention backend `planted` does beside attending as torch_sdpa does, and the stage
/// `planted` beside passing frames on. Both are registered in this test program alone; a case that
/// names them is worse as soon as a test says so.
struct Planted {
  int copies = 0;      ///< so many times: moves the result to the host and back
  bool noise = false;  ///< changes every result a little
  bool fails = false;  ///< throws
  bool pixel = false;  ///< of the stage: changes one pixel of frame 3 by one level
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
