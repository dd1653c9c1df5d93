#include "chitu_core/models/qwen_image/transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/layer_walk.h"

namespace chitu::models {
namespace {

/// A prompt of a picture on its way through the layers, as far as this rank has its tokens.
struct Lane {
  PictureAndText hidden;
  PictureAndText rotary;
  parallel::SequenceShards text;  ///< how ranks share the prompt's tokens
};

/// The hidden states of a pass as a cache sees them: of the picture, and of the text.
class PassLanes final : public cache::Lanes {
 public:
  /// embed  makes the hidden states of a lane
  PassLanes(std::vector<Lane>& lanes, const std::function<PictureAndText(std::size_t)>& embed)
      : lanes_(lanes), embed_(embed) {}
  std::vector<std::size_t> order() const override {
    std::vector<std::size_t> order(lanes_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
  }
  std::vector<at::Tensor> states(std::size_t lane) override {
    return {lanes_[lane].hidden.picture, lanes_[lane].hidden.text};
  }
  std::vector<at::Tensor> input(std::size_t lane) override {
    PictureAndText states = embed_(lane);
    return {std::move(states.picture), std::move(states.text)};
  }
  void set(std::size_t lane, std::vector<at::Tensor> states) override {
    lanes_[lane].hidden.picture = std::move(states[0]);
    if (states.size() > 1) lanes_[lane].hidden.text = std::move(states[1]);
  }

 private:
  std::vector<Lane>& lanes_;
  const std::function<PictureAndText(std::size_t)>& embed_;
};

}  // namespace

QwenImageTransformer2DModel::QwenImageTransformer2DModel(const QwenImageTransformer2DConfig& config)
    : config_(config),
      rotary_(config.axes_dims_rope),
      txt_norm_(config.joint_attention_dim, kQwenImageEps),
      img_in_(config.in_channels, config.width()),
      txt_in_(config.joint_attention_dim, config.width()),
      proj_out_(config.width(), config.in_channels) {
  add_child("txt_norm", txt_norm_);
  add_child("img_in", img_in_);
  add_child("txt_in", txt_in_);
  for (std::int64_t index = 0; index < config.num_layers; ++index) {
    blocks_.push_back(std::make_unique<QwenImageTransformerBlock>(config));
    add_child(fmt::format("transformer_blocks.{}", index), *blocks_.back());
  }
  add_child("proj_out", proj_out_);
}

std::vector<std::pair<std::string, memory::Module*>> QwenImageTransformer2DModel::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    layers.emplace_back(fmt::format("transformer_blocks.{}", index), blocks_[index].get());
  return layers;
}

std::vector<std::string> QwenImageTransformer2DModel::unused_prefixes() const {
  std::vector<std::string> prefixes{"time_text_embed.", "norm_out."};
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    for (const char* part : {"img_mod", "txt_mod"})
      prefixes.push_back(fmt::format("transformer_blocks.{}.{}.", index, part));
  return prefixes;
}

QwenImageDenoiseContext QwenImageTransformer2DModel::prepare(std::int64_t rows,
                                                             std::int64_t columns,
                                                             const std::vector<at::Tensor>& prompts,
                                                             const at::Tensor& rotary) const {
  QwenImageDenoiseContext context{rotary, {}};
  for (const at::Tensor& embeds : prompts) {
    if (embeds.dim() != 3 || embeds.size(2) != config_.joint_attention_dim)
      throw ShapeError(fmt::format("the transformer takes prompt_embeds [B, T, {}], got [{}]",
                                   config_.joint_attention_dim, fmt::join(embeds.sizes(), ", ")));
    if (!context.rotary.defined()) context.rotary = rotary_.picture(rows, columns, embeds.device());
    context.texts.push_back({txt_in_.forward(txt_norm_.forward(embeds)),
                             rotary_.text(rows, columns, embeds.size(1), embeds.device())});
  }
  return context;
}

void QwenImageTransformer2DModel::check(const QwenImagePicture& picture) const {
  const auto& [latents, context] = picture;
  if (context.texts.empty()) throw ShapeError("the transformer needs the embeddings of a prompt");
  const std::int64_t tokens = context.rotary.size(0);
  if (latents.dim() != 3 || latents.size(1) != tokens || latents.size(2) != config_.in_channels)
    throw ShapeError(fmt::format("the transformer takes latents [B, {}, {}], got [{}]", tokens,
                                 config_.in_channels, fmt::join(latents.sizes(), ", ")));
}

std::vector<std::vector<at::Tensor>> QwenImageTransformer2DModel::forward(
    const std::vector<QwenImagePicture>& pictures, const QwenImageStepModulation& modulation,
    const nn::Attention& attention, const QwenImageForwardOptions& options) const {
  for (const QwenImagePicture& picture : pictures) check(picture);
  const parallel::SequenceShards shards(attention.ranks(), pictures.front().latents.size(1));
  std::vector<Lane> lanes;
  for (const QwenImagePicture& picture : pictures) {
    const at::Tensor states = img_in_.forward(shards.shard(picture.latents, 1));
    for (const auto& text : picture.context.texts) {
      const bool last = &text == &picture.context.texts.back();
      const parallel::SequenceShards prompt(attention.ranks(), text.embeds.size(1));
      lanes.push_back({{last ? states : states.clone(), prompt.shard(text.embeds, 1).clone()},
                       {shards.shard(picture.context.rotary, 0), prompt.shard(text.rotary, 0)},
                       prompt});
    }
  }
  const std::int64_t chunk =
      options.ffn_chunk_tokens > 0
          ? options.ffn_chunk_tokens
          : default_ffn_chunk(shards.mine().count, config_.ffn_dim(), shards.ranks());
  const std::function<PictureAndText(std::size_t)> embed = [&](std::size_t lane) {
    const std::size_t prompts = lanes.size() / pictures.size();
    const QwenImagePicture& picture = pictures[lane / prompts];
    return PictureAndText{
        img_in_.forward(shards.shard(picture.latents, 1)),
        lanes[lane].text.shard(picture.context.texts[lane % prompts].embeds, 1).clone()};
  };
  PassLanes pass_lanes(lanes, embed);
  memory::LayerWalk walk(options.observer);
  cache::walk_layers(options.cache, pass_lanes, std::ssize(blocks_), [&](std::int64_t layer) {
    const auto index = static_cast<std::size_t>(layer);
    const bool with_text = index + 1 < blocks_.size();
    const at::Tensor rows = modulation.blocks.select(0, layer);
    walk.skip_to(layer);
    walk.layer(*blocks_[index], {with_text ? 1 : 0}, [&] {
      for (Lane& lane : lanes)
        blocks_[index]->forward(lane.hidden, rows, lane.rotary, attention, {shards, lane.text},
                                chunk, with_text);
    });
  });
  std::vector<std::vector<at::Tensor>> predictions(pictures.size());
  auto lane = lanes.begin();
  for (std::size_t i = 0; i < pictures.size(); ++i)
    for (std::size_t text = 0; text < pictures[i].context.texts.size(); ++text, ++lane) {
      predictions[i].push_back(shards.gather(head(lane->hidden.picture, modulation.head), 1));
      lane->hidden = {};
    }
  return predictions;
}

at::Tensor QwenImageTransformer2DModel::head(const at::Tensor& hidden,
                                             const at::Tensor& modulation) const {
  const at::Tensor rows = modulation.to(at::kFloat).unsqueeze(1).unsqueeze(1);  // [2, 1, 1, D]
  return proj_out_.forward(
      nn::modulated_layer_norm(hidden, rows[0].add(1), rows[1], kQwenImageEps));
}

}  // namespace chitu::models
