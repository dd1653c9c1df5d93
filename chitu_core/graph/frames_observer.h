#pragma once

namespace at {
class Tensor;
}

namespace chitu::graph {

/// An Observer that also wants the pictures of a run. In a header of its own, so that events.h does
/// not bring tensors to everyone.
class FramesObserver {
 public:
  virtual ~FramesObserver() = default;
  /// The pictures are made, and none is saved yet: [T, H, W, 3] uint8 on the CPU.
  virtual void frames_made(const at::Tensor& frames) = 0;
};

}  // namespace chitu::graph
