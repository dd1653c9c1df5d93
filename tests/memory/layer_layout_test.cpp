#include "chitu_core/memory/stream/layer_layout.h"

#include <ATen/ATen.h>

#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/weights.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

/// Weights of several ranks, dtypes and sizes, so that chunks end within and between them.
class MixedLayer : public Module {
 public:
  MixedLayer() {
    add_parameter("wide", {7, 50});
    add_parameter("scale", {3}, Precision::float32);
    add_parameter("scalar", {});
    add_parameter("cube", {5, 3, 11});
    add_parameter("row", {1, 200});
  }
};

struct Stored {
  Stored() {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    layer.visit_parameters([&](const std::string& name, const Parameter& parameter) {
      tensors.emplace_back("layers.4." + name, at::randn(parameter.shape));
    });
    io::write_safetensors(folder / "model.safetensors", tensors);
  }
  testing::TemporaryFolder folder;
  MixedLayer layer;
};

TEST_CASE("chunks of any size cover a slab once and give the weights' bits", "[memory]") {
  Stored stored;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  const std::int64_t chunk_bytes = GENERATE(65, 128, 256, 700, 1 << 20);
  const FileWeights source(stored.folder.path());
  set_dtypes(stored.layer, source, {c10::kCPU, dtype});
  const LayerLayout layout("layers.4", 4, stored.layer, chunk_bytes);
  CHECK(layout.index() == 4);

  const at::Tensor slab = at::zeros({layout.bytes()}, at::kByte);
  std::int64_t covered = 0;
  for (const LayerChunk& chunk : layout.chunks()) {
    CHECK(chunk.begin == covered);
    CHECK((chunk.base <= chunk.begin && chunk.base % 64 == 0));
    // One row may be larger than a chunk should be.
    CHECK((chunk.end - chunk.base <= chunk_bytes ||
           (chunk.runs.size() == 1 && chunk.runs[0].rows == 1)));
    const at::Tensor buffer = at::full({chunk.end - chunk.base}, 255, at::kByte);
    layout.read(chunk, source, buffer);
    const std::int64_t bytes = chunk.end - chunk.begin;
    slab.narrow(0, chunk.begin, bytes).copy_(buffer.narrow(0, chunk.begin - chunk.base, bytes));
    covered = chunk.end;
  }
  CHECK(covered == layout.bytes());
  CHECK((layout.chunks().size() == 1) == (chunk_bytes == 1 << 20));

  for (const LayerPiece& piece : layout.pieces()) {
    CAPTURE(piece.name);
    at::Tensor expected = at::empty(piece.parameter->shape, piece.parameter->stored);
    source.read_into(piece.name, *piece.parameter, expected);
    CHECK(at::equal(piece.in(slab), expected));
    CHECK(piece.offset_bytes % 64 == 0);
  }
}

}  // namespace
}  // namespace chitu::memory
