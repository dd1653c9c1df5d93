#include "chitu_core/io/gguf/block_types.h"

#include <ATen/ATen.h>

#include <array>
#include <initializer_list>
#include <utility>

namespace chitu::io {
namespace {

/// Reads the parts of blocks one after another.
class Blocks {
 public:
  /// bytes  uint8 [n, bytes of a block]
  explicit Blocks(const at::Tensor& bytes) : bytes_(bytes) {}

  std::int64_t count() const { return bytes_.size(0); }
  /// uint8 [n, width].
  at::Tensor take(std::int64_t width) {
    const at::Tensor part = bytes_.narrow(1, at_, width);
    at_ += width;
    return part;
  }
  /// A float16 as float32: [n, 1].
  at::Tensor take_half() { return take(2).contiguous().view(at::kHalf).to(at::kFloat); }
  at::Tensor take_signed(std::int64_t width) { return take(width).view(at::kChar).to(at::kFloat); }

 private:
  const at::Tensor& bytes_;
  std::int64_t at_ = 0;
};

/// The bit fields of every byte, along a new dimension.
at::Tensor fields(const at::Tensor& bytes, std::initializer_list<int> shifts, int mask,
                  std::int64_t dim) {
  std::vector<at::Tensor> parts;
  for (const int shift : shifts)
    parts.push_back(bytes.bitwise_right_shift(shift).bitwise_and_(mask));
  return at::stack(parts, dim);
}

constexpr std::initializer_list<int> kNibbles{0, 4}, kPairs{0, 2, 4, 6},
    kBits{0, 1, 2, 3, 4, 5, 6, 7};

/// Of blocks of 32: 16 bytes hold value i in their low and value 16 + i in their high halves.
at::Tensor halves(Blocks& blocks) { return fields(blocks.take(16), kNibbles, 15, 1).flatten(1); }

/// Adds bit 4 of each value to `low`, uint8.
at::Tensor with_fifth_bits(at::Tensor low, const at::Tensor& bits) {
  return low.add_(bits.mul(16));
}

/// Of blocks of 32: 4 bytes hold a bit of each value.
at::Tensor single_bits(Blocks& blocks) { return fields(blocks.take(4), kBits, 1, 2).flatten(1); }

at::Tensor q8_0(Blocks blocks) {
  const at::Tensor scale = blocks.take_half();
  return blocks.take_signed(32).mul_(scale);
}

at::Tensor q4_0(Blocks blocks) {
  const at::Tensor scale = blocks.take_half();
  return halves(blocks).to(at::kFloat).sub_(8).mul_(scale);
}

at::Tensor q4_1(Blocks blocks) {
  const at::Tensor scale = blocks.take_half(), least = blocks.take_half();
  return halves(blocks).to(at::kFloat).mul_(scale).add_(least);
}

at::Tensor q5_0(Blocks blocks) {
  const at::Tensor scale = blocks.take_half(), bits = single_bits(blocks);
  return with_fifth_bits(halves(blocks), bits).to(at::kFloat).sub_(16).mul_(scale);
}

at::Tensor q5_1(Blocks blocks) {
  const at::Tensor scale = blocks.take_half(), least = blocks.take_half();
  const at::Tensor bits = single_bits(blocks);
  return with_fifth_bits(halves(blocks), bits).to(at::kFloat).mul_(scale).add_(least);
}

/// Scales and offsets of the eight groups of a block of 256: [n, 8, 1] each.
std::pair<at::Tensor, at::Tensor> group_scales(Blocks& blocks) {
  const at::Tensor scale = blocks.take_half(), least = blocks.take_half();
  const at::Tensor low = blocks.take(4), low_least = blocks.take(4), rest = blocks.take(4);
  const auto six_bits = [](const at::Tensor& first, const at::Tensor& nibble) {
    const at::Tensor top = first.bitwise_right_shift(2).bitwise_and_(48);
    return at::cat({first.bitwise_and(63), top.bitwise_or_(nibble)}, 1).to(at::kFloat);
  };
  return {six_bits(low, rest.bitwise_and(15)).mul_(scale).unsqueeze(2),
          six_bits(low_least, rest.bitwise_right_shift(4)).mul_(least).unsqueeze(2)};
}

/// Of blocks of 256: the low four bits of eight groups of 32: [n, 8, 32].
at::Tensor grouped_nibbles(Blocks& blocks) {
  return fields(blocks.take(128).unflatten(1, {4, 32}), kNibbles, 15, 2).flatten(1, 2);
}

at::Tensor q4_k(Blocks blocks) {
  const auto [scale, least] = group_scales(blocks);
  return grouped_nibbles(blocks).to(at::kFloat).mul_(scale).sub_(least);
}

at::Tensor q5_k(Blocks blocks) {
  const auto [scale, least] = group_scales(blocks);
  const at::Tensor bits = fields(blocks.take(32), kBits, 1, 1);
  return with_fifth_bits(grouped_nibbles(blocks), bits).to(at::kFloat).mul_(scale).sub_(least);
}

at::Tensor q6_k(Blocks blocks) {
  const at::Tensor low = fields(blocks.take(128).unflatten(1, {2, 64}), kNibbles, 15, 2).flatten(1);
  const at::Tensor high = fields(blocks.take(64).unflatten(1, {2, 32}), kPairs, 3, 2).flatten(1);
  const at::Tensor scales = blocks.take_signed(16);
  const at::Tensor scale = blocks.take_half().mul(scales).unsqueeze(2);
  return with_fifth_bits(low, high).to(at::kFloat).sub_(32).view({-1, 16, 16}).mul_(scale);
}

using Decode = at::Tensor (*)(Blocks blocks);

class BlockEncoding final : public Encoding {
 public:
  BlockEncoding(std::string name, std::int64_t values, std::int64_t bytes, Decode function)
      : name_(std::move(name)), values_(values), bytes_(bytes), decode_(function) {}
  std::string name() const override { return name_; }
  std::int64_t row_bytes(std::int64_t columns) const override { return columns / values_ * bytes_; }
  void decode(const at::Tensor& bytes, at::Tensor& values) const override {
    const at::Tensor blocks = bytes.view({-1, bytes_});
    values.copy_(decode_(Blocks(blocks)).view(values.sizes()));
  }

 private:
  std::string name_;
  std::int64_t values_, bytes_;
  Decode decode_;
};

struct PlainType {
  std::uint32_t id;
  const char* name;
  at::ScalarType dtype;
};
constexpr std::array kPlain{
    PlainType{0, "F32", at::kFloat},   PlainType{1, "F16", at::kHalf},
    PlainType{24, "I8", at::kChar},    PlainType{25, "I16", at::kShort},
    PlainType{26, "I32", at::kInt},    PlainType{27, "I64", at::kLong},
    PlainType{28, "F64", at::kDouble}, PlainType{30, "BF16", at::kBFloat16}};

struct BlockType {
  std::uint32_t id;
  const char* name;
  std::int64_t values, bytes;
  Decode decode;
};
constexpr std::array kBlocks{
    BlockType{2, "Q4_0", 32, 18, q4_0},    BlockType{3, "Q4_1", 32, 20, q4_1},
    BlockType{6, "Q5_0", 32, 22, q5_0},    BlockType{7, "Q5_1", 32, 24, q5_1},
    BlockType{8, "Q8_0", 32, 34, q8_0},    BlockType{12, "Q4_K", 256, 144, q4_k},
    BlockType{13, "Q5_K", 256, 176, q5_k}, BlockType{14, "Q6_K", 256, 210, q6_k}};

/// Known and not supported.
constexpr std::array kOthers{
    std::pair{9U, "Q8_1"},     std::pair{10U, "Q2_K"},    std::pair{11U, "Q3_K"},
    std::pair{15U, "Q8_K"},    std::pair{16U, "IQ2_XXS"}, std::pair{17U, "IQ2_XS"},
    std::pair{18U, "IQ3_XXS"}, std::pair{19U, "IQ1_S"},   std::pair{20U, "IQ4_NL"},
    std::pair{21U, "IQ3_S"},   std::pair{22U, "IQ2_S"},   std::pair{23U, "IQ4_XS"},
    std::pair{29U, "IQ1_M"},   std::pair{34U, "TQ1_0"},   std::pair{35U, "TQ2_0"},
    std::pair{39U, "MXFP4"},   std::pair{40U, "NVFP4"}};

}  // namespace

GgmlType ggml_type(std::uint32_t id) {
  for (const PlainType& type : kPlain)
    if (type.id == id)
      return {type.name, type.dtype, nullptr, 1,
              static_cast<std::int64_t>(c10::elementSize(type.dtype))};
  for (const BlockType& type : kBlocks)
    if (type.id == id)
      return {type.name, at::kFloat,
              std::make_shared<BlockEncoding>(type.name, type.values, type.bytes, type.decode),
              type.values, type.bytes};
  for (const auto& [other, name] : kOthers)
    if (other == id) return {name};
  return {};
}

std::vector<std::string> supported_ggml_types() {
  std::vector<std::string> names;
  for (const BlockType& type : kBlocks) names.emplace_back(type.name);
  for (const PlainType& type : kPlain)
    if (c10::isFloatingType(type.dtype)) names.emplace_back(type.name);
  return names;
}

}  // namespace chitu::io
