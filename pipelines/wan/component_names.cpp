#include "pipelines/wan/component_names.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "pipelines/wan/original_names.h"

namespace chitu::pipelines::wan {
namespace {

/// A name with a number in it: "up_blocks." 3 ".resnets.0.norm1.gamma".
struct Numbered {
  std::int64_t number;
  std::string_view rest;  ///< after the number and a dot
};

std::optional<Numbered> numbered(std::string_view name, std::string_view before) {
  if (!name.starts_with(before)) return std::nullopt;
  name.remove_prefix(before.size());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const auto digits = static_cast<std::size_t>(end - name.data());
  if (error != std::errc() || !name.substr(digits).starts_with('.')) return std::nullopt;
  return Numbered{number, name.substr(digits + 1)};
}

constexpr std::array kVaeOutside{Renaming{"conv_in", "conv1"},
                                 Renaming{"mid_block.resnets.0", "middle.0"},
                                 Renaming{"mid_block.attentions.0", "middle.1"},
                                 Renaming{"mid_block.resnets.1", "middle.2"},
                                 Renaming{"norm_out", "head.0"},
                                 Renaming{"conv_out", "head.2"}};
constexpr std::array kVaeResnet{Renaming{"norm1", "residual.0"}, Renaming{"conv1", "residual.2"},
                                Renaming{"norm2", "residual.3"}, Renaming{"conv2", "residual.6"},
                                Renaming{"conv_shortcut", "shortcut"}};
constexpr std::array kVaeQuant{Renaming{"quant_conv", "conv1"},
                               Renaming{"post_quant_conv", "conv2"}};

struct VaeLayout {
  std::int64_t num_res_blocks;
  bool is_residual;
};

/// "middle.0.residual.2.weight" for "mid_block.resnets.0.conv1.weight".
std::string vae_outside(std::string_view name) {
  const std::string outer = renamed(name, kVaeOutside);
  for (const std::string_view block : {"middle.0.", "middle.2."})
    if (outer.starts_with(block))
      return std::string(block) + renamed(std::string_view(outer).substr(block.size()), kVaeResnet);
  return outer;
}

/// Within an up or a down block: the part's number, and its name.
std::optional<Numbered> part_of_block(std::string_view name, std::int64_t resnets) {
  if (const auto resnet = numbered(name, "resnets.")) return resnet;
  for (const std::string_view resampler :
       {"upsamplers.0.", "upsampler.", "downsamplers.0.", "downsampler."})
    if (name.starts_with(resampler)) return Numbered{resnets, name.substr(resampler.size())};
  return std::nullopt;
}

/// Wan 2.1 counts the parts of all blocks in one row, Wan 2.2 within each block.
std::string vae_block(const VaeLayout& layout, std::string_view row, std::int64_t resnets,
                      const Numbered& block) {
  const auto part = part_of_block(block.rest, resnets);
  if (!part)  // the encoder of Wan 2.1 has one row here too
    return fmt::format("{}.{}.{}", row, block.number, renamed(block.rest, kVaeResnet));
  const std::string rest = renamed(part->rest, kVaeResnet);
  if (layout.is_residual)
    return fmt::format("{}.{}.{}.{}.{}", row, block.number, row, part->number, rest);
  return fmt::format("{}.{}.{}", row, block.number * (resnets + 1) + part->number, rest);
}

std::string vae_name(const VaeLayout& layout, std::string_view name) {
  for (const std::string_view half : {"decoder.", "encoder."}) {
    if (!name.starts_with(half)) continue;
    const std::string_view inner = name.substr(half.size());
    if (const auto block = numbered(inner, "up_blocks."))
      return std::string(half) + vae_block(layout, "upsamples", layout.num_res_blocks + 1, *block);
    if (const auto block = numbered(inner, "down_blocks."))
      return std::string(half) + vae_block(layout, "downsamples", layout.num_res_blocks, *block);
    return std::string(half) + vae_outside(inner);
  }
  return renamed(name, kVaeQuant);
}

constexpr std::string_view kUmt5Block = "encoder.block.";

/// Names of a block's weights and of the others, in one collection of umT5's weights.
struct Umt5Names {
  std::span<const Renaming> outside, in_block;
  std::string_view blocks;
};

std::string umt5_name(const Umt5Names& names, std::string_view name) {
  const auto block = numbered(name, kUmt5Block);
  if (!block) return renamed(name, names.outside);
  return fmt::format("{}{}.{}", names.blocks, block->number, renamed(block->rest, names.in_block));
}

/// Source: wan/modules/t5.py of the original repository.
constexpr std::array kUmt5Outside{Renaming{"shared", "token_embedding"},
                                  Renaming{"encoder.final_layer_norm", "norm"}};
constexpr std::array kUmt5InBlock{
    Renaming{"layer.0.layer_norm", "norm1"},
    Renaming{"layer.0.SelfAttention.relative_attention_bias", "pos_embedding.embedding"},
    Renaming{"layer.0.SelfAttention", "attn"},
    Renaming{"layer.1.layer_norm", "norm2"},
    Renaming{"layer.1.DenseReluDense.wi_0", "ffn.gate.0"},
    Renaming{"layer.1.DenseReluDense.wi_1", "ffn.fc1"},
    Renaming{"layer.1.DenseReluDense.wo", "ffn.fc2"}};

/// Source: gguf-py/gguf/tensor_mapping.py of llama.cpp.
constexpr std::array kGgufOutside{Renaming{"shared", "token_embd"},
                                  Renaming{"encoder.final_layer_norm", "enc.output_norm"}};
constexpr std::array kGgufInBlock{
    Renaming{"layer.0.layer_norm", "attn_norm"},
    Renaming{"layer.0.SelfAttention.q", "attn_q"},
    Renaming{"layer.0.SelfAttention.k", "attn_k"},
    Renaming{"layer.0.SelfAttention.v", "attn_v"},
    Renaming{"layer.0.SelfAttention.o", "attn_o"},
    Renaming{"layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"},
    Renaming{"layer.1.layer_norm", "ffn_norm"},
    Renaming{"layer.1.DenseReluDense.wi_0", "ffn_gate"},
    Renaming{"layer.1.DenseReluDense.wi_1", "ffn_up"},
    Renaming{"layer.1.DenseReluDense.wo", "ffn_down"}};

}  // namespace

WeightNaming transformer_naming() {
  return {{"model.diffusion_model.", "diffusion_model."}, {original_name}};
}

WeightNaming vae_naming(const io::JsonObject& config) {
  const VaeLayout layout{config.value_or<std::int64_t>("num_res_blocks", 2),
                         config.value_or("is_residual", false)};
  return {{"vae.", "first_stage_model."},
          {[layout](const std::string& name) { return vae_name(layout, name); }}};
}

WeightNaming umt5_naming() {
  const auto spelling = [](const Umt5Names& names) {
    return [names](const std::string& name) { return umt5_name(names, name); };
  };
  return {{"text_encoders.umt5xxl.transformer.", "text_encoders.umt5xxl."},
          {spelling({kUmt5Outside, kUmt5InBlock, "blocks."}),
           spelling({kGgufOutside, kGgufInBlock, "enc.blk."})}};
}

}  // namespace chitu::pipelines::wan
