#include "chitu_core/models/wan/transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/memory/layer_walk.h"
#include "chitu_core/parallel/sequence_shards.h"
#include "chitu_core/threads/side_by_side.h"

namespace chitu::models {
namespace {

/// x with its last slice along a dimension repeated until it has `count`.
at::Tensor repeat_last(const at::Tensor& x, std::int64_t dim, std::int64_t count) {
  const std::int64_t missing = count - x.size(dim);
  if (missing == 0) return x;
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[static_cast<std::size_t>(dim)] = missing;
  return at::cat({x, x.narrow(dim, x.size(dim) - 1, 1).expand(sizes)}, dim);
}

/// The block's keys and values for one prompt: cached ones, or new ones, cached if requested.
KeysValues text_keys_values(const WanTransformerBlock& block, std::size_t index,
                            WanTextContext& text, bool keep) {
  constexpr std::int64_t kRows = 2;  // [B, heads, L, head_dim]
  KeysValues unlike;
  if (keep) {
    if (text.keys_values.size() <= index) text.keys_values.resize(index + 1);
    unlike = text.keys_values[index];
  }
  if (!unlike.keys.defined()) unlike = block.keys_values(text.embeds);
  if (keep) text.keys_values[index] = unlike;
  return {repeat_last(unlike.keys, kRows, text.rows), repeat_last(unlike.values, kRows, text.rows)};
}

/// The block's keys and values for the images; the same for every prompt of a video.
KeysValues image_keys_values(const WanTransformerBlock& block, std::size_t index,
                             WanImageContext* image, bool keep) {
  if (!image) return {};
  if (!keep) return block.image_keys_values(image->embeds);
  if (image->keys_values.size() <= index) image->keys_values.resize(index + 1);
  KeysValues& kept = image->keys_values[index];
  if (!kept.keys.defined()) kept = block.image_keys_values(image->embeds);
  return kept;
}

/// The latents as the model reads them, with what it gets of the images.
at::Tensor model_input(const at::Tensor& latents, const WanDenoiseContext& context) {
  if (context.channels.defined()) return at::cat({latents, context.channels}, 1);
  if (!context.first_frames.defined()) return latents;
  const std::int64_t given = context.first_frames.size(2);
  return at::cat({context.first_frames.to(latents.scalar_type()),
                  latents.narrow(2, given, latents.size(2) - given)},
                 2);
}

/// How many rows of a prompt [B, L, D] are distinct: its tokens, and one of the padding zeros.
std::int64_t unlike_rows(const at::Tensor& embeds, const std::optional<std::int64_t>& tokens) {
  const std::int64_t rows = embeds.size(1);
  if (tokens) return std::min(*tokens + 1, rows);
  const at::Tensor used = embeds.ne(0).any(-1).any(0).to(at::kCPU);
  std::int64_t count = rows;
  while (count > 0 && !used[count - 1].item<bool>()) --count;
  return std::min(count + 1, rows);
}

/// The hidden states of all prompts of all videos on their way through the layers: lane
/// video * prompts + prompt. Until the first cross-attention the prompts of a video share one
/// tensor, in the lane of the first. With offloading, one device tensor holds the states of one
/// lane at a time.
class HiddenStates {
 public:
  /// embed  makes the hidden states of a video
  HiddenStates(std::size_t videos, std::size_t prompts, bool offload,
               const std::function<at::Tensor(std::size_t)>& embed)
      : prompts_(prompts),
        lanes_(videos * prompts),
        on_device_(offload ? 1 : lanes_),
        offload_(offload) {
    for (std::size_t video = videos; video-- > 0;) {  // the first one is here at the end
      at::Tensor states = embed(video);
      if (offload_ && resting_.empty()) make_room(states);
      if (offload_ && video > 0)
        device::copy_into(resting_[video * prompts_], states);
      else
        on_device_[video * prompts_] = std::move(states);
    }
  }

  std::size_t lanes() const { return lanes_; }
  std::size_t prompts() const { return prompts_; }
  bool offloads() const { return offload_; }

  /// After the first self-attention of a video: its other prompts continue from the same states.
  void part_ways(std::size_t first_lane) {
    for (std::size_t lane = first_lane + 1; lane < first_lane + prompts_; ++lane)
      if (offload_)
        device::copy_into(resting_[lane], shared());
      else
        on_device_[lane] = on_device_[first_lane].clone();
  }

  /// The lane whose states are on the device; the others are offloaded.
  std::size_t here() const { return here_; }

  /// The lanes in the order that copies least: the one on the device first.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < lanes_; ++i) order.push_back((here_ + i) % lanes_);
    return order;
  }

  /// Leaves the state as if all prompts had been processed in order.
  void pass() { here_ = offload_ ? order().back() : here_; }

  /// The lane's states, valid until another lane's are requested.
  at::Tensor& of(std::size_t lane) {
    if (!offload_) return on_device_[lane];
    if (lane != here_) device::copy_into(resting_[here_], shared());
    bring(lane);
    return shared();
  }

  /// Continues with other states.
  void replace(std::size_t lane, at::Tensor states) {
    if (!offload_) {
      on_device_[lane] = std::move(states);
      return;
    }
    if (lane != here_) device::copy_into(resting_[here_], shared());
    here_ = lane;
    device::copy_into(shared(), states);
  }

  /// The lane's states for the last time; states taken before are not requested again.
  at::Tensor take(std::size_t lane) {
    if (!offload_) return std::move(on_device_[lane]);
    bring(lane);
    return shared();
  }

 private:
  at::Tensor& shared() { return on_device_.front(); }

  void make_room(const at::Tensor& states) {
    for (std::size_t lane = 0; lane < lanes_; ++lane)
      resting_.push_back(at::empty(states.sizes(), states.options().device(device::host())));
  }

  void bring(std::size_t lane) {
    if (lane != here_) device::copy_into(shared(), resting_[lane]);
    here_ = lane;
  }

  std::size_t prompts_, lanes_;
  std::vector<at::Tensor> on_device_;
  std::vector<at::Tensor> resting_;  ///< host copy of every lane that is offloaded; empty = none
  std::size_t here_ = 0;
  bool offload_;
};

/// Whether a block's arithmetic for one prompt takes one thread about a millisecond: more
/// threads would not shorten it. The answer may not depend on anything but config and tokens.
bool is_small(const WanTransformer3DConfig& config, std::int64_t tokens) {
  constexpr double kMostOperations = 64e6;
  const auto width = static_cast<double>(config.width());
  const double weights = width * (6 * width + 2 * static_cast<double>(config.ffn_dim));
  const auto rows = static_cast<double>(tokens);
  return 2 * rows * (weights + 2 * rows * width) <= kMostOperations;
}

/// What the blocks of one forward pass share.
struct Pass {
  const WanTimeContext& time;
  const std::optional<WanTimeContext>& given_time;  ///< of frames that are given
  std::int64_t token_frames;                        ///< latent frames per token
  std::int64_t frame_tokens;                        ///< tokens of these frames
  const std::vector<WanVideo>& videos;
  const nn::Attention& attention;
  const parallel::SequenceShards& shards;  ///< how ranks share the tokens
  std::int64_t ffn_chunk;
  bool small;  ///< a block computes on one thread for each video
  HiddenStates hidden;
  cache::PassCache* cache;  ///< may be null

  WanDenoiseContext& context_of(std::size_t lane) const {
    return videos[lane / hidden.prompts()].context;
  }
  WanTextContext& text_of(std::size_t lane) const {
    return context_of(lane).texts[lane % hidden.prompts()];
  }

  std::int64_t given_tokens(std::size_t lane) const {
    const at::Tensor& given = context_of(lane).first_frames;
    return given.defined() ? given.size(2) / token_frames * frame_tokens : 0;
  }

  /// A block's modulation for the timestep of the step and for frames that are given.
  struct Modulations {
    const WanBlockModulation& of_step;
    const std::optional<WanBlockModulation>& of_given;
  };

  /// This rank's tokens of a lane that are given, and those that have the timestep of the step.
  struct TokenParts {
    parallel::Shard given, of_step;
  };
  TokenParts parts_of(std::size_t lane) const {
    const std::int64_t first = given_tokens(lane), tokens = shards.length();
    return {parallel::part_in_shard({0, first}, shards.mine()),
            parallel::part_in_shard({first, tokens - first}, shards.mine())};
  }

  /// The tokens of a lane by their timestep.
  WanTokenRuns runs_of(std::size_t lane, const Modulations& modulations) const {
    const auto [given, of_step] = parts_of(lane);
    WanTokenRuns runs;
    if (given.count > 0) runs.push_back({given.start, given.count, *modulations.of_given});
    if (of_step.count > 0 || given.count == 0)
      runs.push_back({of_step.start, of_step.count, modulations.of_step});
    return runs;
  }

  void compute(const WanTransformerBlock& block, std::size_t index) {
    const WanBlockModulation modulation = block.modulation(time.timestep_proj);
    std::optional<WanBlockModulation> given;
    if (given_time) given = block.modulation(given_time->timestep_proj);
    const Modulations both{modulation, given};
    if (small && !hidden.offloads()) return compute_side_by_side(block, index, both);
    std::optional<threads::OnOneThread> alone;
    if (small) alone.emplace();
    for (const std::size_t lane : hidden.order()) compute_lane(block, index, both, lane);
  }

  void compute_side_by_side(const WanTransformerBlock& block, std::size_t index,
                            const Modulations& modulations) {
    // Ranks take part in an exchange in the same order only if one thread makes all of them.
    const bool at_once =
        videos.front().latents.is_cpu() && !device::in_dry_run() && !shards.is_split();
    threads::side_by_side(at_once, std::ssize(videos), [&](std::int64_t video) {
      const std::size_t first = static_cast<std::size_t>(video) * hidden.prompts();
      for (std::size_t lane = first; lane < first + hidden.prompts(); ++lane)
        compute_lane(block, index, modulations, lane);
    });
  }

  void compute_lane(const WanTransformerBlock& block, std::size_t index,
                    const Modulations& modulations, std::size_t lane) {
    at::Tensor& states = hidden.of(lane);
    const WanDenoiseContext& context = context_of(lane);
    const WanTokenRuns runs = runs_of(lane, modulations);
    const bool begins_video = index == 0 && lane % hidden.prompts() == 0;
    using Kind = cache::PassCache::Attention;
    if (index > 0 || begins_video)
      attend(index, lane, Kind::self, states,
             [&] { block.self_attention(states, runs, context.rotary, attention, shards); });
    if (begins_video) hidden.part_ways(lane);
    attend(index, lane, Kind::cross, states, [&] {
      block.cross_attention(
          states, text_keys_values(block, index, text_of(lane), context.keep_text_kv),
          image_keys_values(block, index, context.image.get(), context.keep_text_kv), attention);
    });
    block.feed_forward(states, runs, ffn_chunk);
  }

  /// Computes what attention adds to the states, or has the cache add it.
  void attend(std::size_t index, std::size_t lane, cache::PassCache::Attention kind,
              at::Tensor& states, const auto& compute) {
    if (!cache) return compute();
    const auto layer = static_cast<std::int64_t>(index);
    if (cache->reuse_attention(layer, lane, kind, states)) return;
    at::Tensor before = cache->attention_begin(kind, states);
    compute();
    cache->attention_end(layer, lane, kind, std::move(before), states);
  }

  /// What determines a block's memory use besides its weights: which lane's states are on the
  /// device, and whose keys and values are cached.
  device::DryRunRepeats::Kind state(std::size_t index) const {
    device::DryRunRepeats::Kind state{static_cast<std::int64_t>(hidden.here())};
    for (std::size_t lane = 0; lane < hidden.lanes(); ++lane)
      state.push_back(text_of(lane).keys_values.size() > index ? 1 : 0);
    for (const WanVideo& video : videos)
      state.push_back(video.context.image && video.context.image->keys_values.size() > index);
    if (cache)
      for (const std::int64_t kept : cache->dry_run_state(static_cast<std::int64_t>(index)))
        state.push_back(kept);
    return state;
  }

  /// In a dry run that only counts the block: caches keys and values of the sizes of the block
  /// before.
  void skip(std::size_t index) {
    hidden.pass();
    for (std::size_t lane = 0; lane < hidden.lanes(); ++lane) {
      WanTextContext& text = text_of(lane);
      if (!context_of(lane).keep_text_kv || text.keys_values.size() > index) continue;
      const KeysValues last = text.keys_values.back();
      text.keys_values.push_back(
          {device::dry_run_twin(last.keys), device::dry_run_twin(last.values)});
    }
    for (const WanVideo& video : videos) skip_image(video.context, index);
    if (cache) cache->dry_run_skip(static_cast<std::int64_t>(index));
  }

 private:
  static void skip_image(WanDenoiseContext& context, std::size_t index) {
    if (!context.image || !context.keep_text_kv || context.image->keys_values.size() > index)
      return;
    const KeysValues last = context.image->keys_values.back();
    context.image->keys_values.push_back(
        {device::dry_run_twin(last.keys), device::dry_run_twin(last.values)});
  }
};

/// The hidden states of a pass as a cache sees them.
class PassLanes final : public cache::Lanes {
 public:
  /// embed  makes the hidden states of a video
  PassLanes(HiddenStates& hidden, const std::function<at::Tensor(std::size_t)>& embed)
      : hidden_(hidden), embed_(embed) {}
  std::vector<std::size_t> order() const override { return hidden_.order(); }
  std::vector<at::Tensor> states(std::size_t lane) override { return {hidden_.of(lane)}; }
  std::vector<at::Tensor> input(std::size_t lane) override {
    return {embed_(lane / hidden_.prompts())};
  }
  void set(std::size_t lane, std::vector<at::Tensor> states) override {
    hidden_.replace(lane, std::move(states.front()));
  }

 private:
  HiddenStates& hidden_;
  const std::function<at::Tensor(std::size_t)>& embed_;
};

}  // namespace

at::Tensor repeat_last_row(const at::Tensor& unlike, std::int64_t rows) {
  return repeat_last(unlike, 1, rows);
}

WanTransformer3DModel::WanTransformer3DModel(const WanTransformer3DConfig& config)
    : config_(config),
      rotary_(config.attention_head_dim, config.rope_max_seq_len),
      scale_shift_table_(
          add_parameter("scale_shift_table", {1, 2, config.width()}, memory::Precision::float32)),
      patch_embedding_(config),
      condition_embedder_(config),
      proj_out_(config.width(), config.out_channels * config.patch_volume()) {
  add_child("patch_embedding", patch_embedding_);
  add_child("condition_embedder", condition_embedder_);
  for (std::int64_t index = 0; index < config.num_layers; ++index) {
    blocks_.push_back(std::make_unique<WanTransformerBlock>(config));
    add_child(fmt::format("blocks.{}", index), *blocks_.back());
  }
  add_child("proj_out", proj_out_);
}

std::vector<std::pair<std::string, memory::Module*>> WanTransformer3DModel::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    layers.emplace_back(fmt::format("blocks.{}", index), blocks_[index].get());
  return layers;
}

std::array<std::int64_t, 3> WanTransformer3DModel::grid(const at::Tensor& latents) const {
  const auto fits = [&] {
    if (latents.dim() != 5 || latents.size(1) != config_.out_channels) return false;
    for (std::int64_t axis = 0; axis < 3; ++axis)
      if (latents.size(axis + 2) % config_.patch_size[static_cast<std::size_t>(axis)] != 0)
        return false;
    return latents.numel() > 0;
  };
  if (!fits())
    throw ShapeError(
        fmt::format("the transformer takes latents [B, {}, F, H, W] in patches of [{}], got [{}]",
                    config_.out_channels, fmt::join(config_.patch_size, ", "),
                    fmt::join(latents.sizes(), ", ")));
  return {latents.size(2) / config_.patch_size[0], latents.size(3) / config_.patch_size[1],
          latents.size(4) / config_.patch_size[2]};
}

void WanTransformer3DModel::check_images(const at::Tensor& latents, const WanImages& images) const {
  std::vector<std::int64_t> channels = latents.sizes().vec(), frames = channels;
  channels[1] = config_.in_channels - config_.out_channels;
  if (images.channels.defined() ? images.channels.sizes() != at::IntArrayRef(channels)
                                : channels[1] > 0)
    throw ShapeError(fmt::format("the transformer takes channels of images [{}], got [{}]",
                                 fmt::join(channels, ", "),
                                 fmt::join(images.channels.sizes(), ", ")));
  if (images.embeds.defined() != config_.image_dim.has_value() ||
      (config_.image_dim && images.embeds.size(-1) != *config_.image_dim))
    throw ShapeError(fmt::format("the transformer takes image_embeds of width {}, got [{}]",
                                 config_.image_dim.value_or(0),
                                 fmt::join(images.embeds.sizes(), ", ")));
  if (!images.first_frames.defined()) return;
  frames[2] = images.first_frames.size(2);
  if (images.first_frames.sizes() != at::IntArrayRef(frames) || frames[2] > latents.size(2) ||
      frames[2] % config_.patch_size[0] != 0)
    throw ShapeError(fmt::format("first frames of [{}] do not fit latents of [{}]",
                                 fmt::join(images.first_frames.sizes(), ", "),
                                 fmt::join(latents.sizes(), ", ")));
}

WanDenoiseContext WanTransformer3DModel::prepare(const at::Tensor& latents,
                                                 const std::vector<WanPrompt>& prompts,
                                                 bool keep_text_kv, const at::Tensor& rotary,
                                                 const WanImages& images,
                                                 parallel::Communicator* ranks) const {
  const auto token_grid = grid(latents);
  check_images(latents, images);
  WanDenoiseContext context{rotary, {}, keep_text_kv};
  if (!rotary.defined()) {
    const at::Tensor table = rotary_.table(token_grid, latents.device());
    const parallel::SequenceShards shards(ranks, table.size(0));
    context.rotary = shards.is_split() ? shards.shard(table, 0).clone() : table;
  }
  context.channels = images.channels;
  context.first_frames = images.first_frames;
  if (images.embeds.defined())
    context.image = std::make_shared<WanImageContext>(
        WanImageContext{condition_embedder_.image(images.embeds), {}});
  for (const auto& [embeds, tokens] : prompts) {
    if (embeds.dim() != 3 || embeds.size(0) != latents.size(0) ||
        embeds.size(2) != config_.text_dim)
      throw ShapeError(fmt::format("the transformer takes prompt_embeds [{}, L, {}], got [{}]",
                                   latents.size(0), config_.text_dim,
                                   fmt::join(embeds.sizes(), ", ")));
    const at::Tensor unlike = embeds.narrow(1, 0, unlike_rows(embeds, tokens));
    context.texts.push_back({condition_embedder_.text(unlike), embeds.size(1), {}});
  }
  return context;
}

std::vector<at::Tensor> WanTransformer3DModel::forward(const at::Tensor& latents, double timestep,
                                                       WanDenoiseContext& context,
                                                       const nn::Attention& attention,
                                                       const WanForwardOptions& options) const {
  return std::move(
      forward(std::vector<WanVideo>{{latents, context}}, timestep, attention, options).front());
}

void WanTransformer3DModel::check_videos(const std::vector<WanVideo>& videos,
                                         const parallel::SequenceShards& shards) const {
  const auto tokens = grid(videos.front().latents);
  const std::size_t prompts = videos.front().context.texts.size();
  for (const auto& [latents, context] : videos) {
    if (grid(latents) != tokens || shards.mine().count != context.rotary.size(0))
      throw ShapeError(fmt::format("the context was made for {} tokens, the latents have [{}]",
                                   context.rotary.size(0), fmt::join(grid(latents), ", ")));
    if (context.texts.empty()) throw ShapeError("the transformer needs the embeddings of a prompt");
    if (context.texts.size() != prompts)
      throw ShapeError(fmt::format("videos of {} and of {} prompts do not go together", prompts,
                                   context.texts.size()));
  }
}

std::vector<std::vector<at::Tensor>> WanTransformer3DModel::forward(
    const std::vector<WanVideo>& videos, double timestep, const nn::Attention& attention,
    const WanForwardOptions& options) const {
  const at::Tensor& first = videos.front().latents;
  const auto tokens = grid(first);
  const std::int64_t length = tokens[0] * tokens[1] * tokens[2];
  const parallel::SequenceShards shards(attention.ranks(), length);
  check_videos(videos, shards);
  const std::int64_t ffn_chunk =
      options.ffn_chunk_tokens > 0
          ? options.ffn_chunk_tokens
          : default_ffn_chunk(shards.mine().count, config_.ffn_dim, shards.ranks());
  const WanTimeContext time = condition_embedder_.time(timestep, first.device());
  std::optional<WanTimeContext> given_time;
  for (const WanVideo& video : videos)
    if (video.context.first_frames.defined() && !given_time)
      given_time = condition_embedder_.time(0, first.device());
  const std::size_t prompts = videos.front().context.texts.size();
  const bool offload = options.offload_activations && videos.size() * prompts > 1 &&
                       !device::is_host(first.device());
  const bool small = device::has_host_kernels(first.device()) &&
                     is_small(config_, first.size(0) * shards.mine().count);
  const std::function<at::Tensor(std::size_t)> embed = [&](std::size_t video) {
    return patch_embedding_.forward(model_input(videos[video].latents, videos[video].context),
                                    shards);
  };
  Pass pass{time,
            given_time,
            config_.patch_size[0],
            tokens[1] * tokens[2],
            videos,
            attention,
            shards,
            ffn_chunk,
            small,
            HiddenStates(videos.size(), prompts, offload, embed),
            options.cache};
  PassLanes lanes(pass.hidden, embed);
  memory::LayerWalk walk(options.observer);
  cache::walk_layers(options.cache, lanes, std::ssize(blocks_), [&](std::int64_t layer) {
    const auto index = static_cast<std::size_t>(layer);
    walk.skip_to(layer);
    walk.layer(
        *blocks_[index], pass.state(index), [&] { pass.compute(*blocks_[index], index); },
        [&] { pass.skip(index); });
  });
  std::vector<std::vector<at::Tensor>> predictions(videos.size(), std::vector<at::Tensor>(prompts));
  for (const std::size_t lane : pass.hidden.order()) {
    const auto [given, of_step] = pass.parts_of(lane);
    std::vector<nn::ModulatedRows> runs;
    if (given.count > 0) runs.push_back(head_run(given.start, given.count, given_time->temb));
    if (of_step.count > 0 || given.count == 0)
      runs.push_back(head_run(of_step.start, of_step.count, time.temb));
    predictions[lane / prompts][lane % prompts] =
        unpatchify(shards.gather(head(pass.hidden.take(lane), runs), 1), tokens);
  }
  return predictions;
}

nn::ModulatedRows WanTransformer3DModel::head_run(std::int64_t start, std::int64_t count,
                                                  const at::Tensor& temb) const {
  const at::Tensor both = scale_shift_table_.tensor.add(temb.unsqueeze(1));
  return {start, count, both.narrow(1, 1, 1).add_(1), both.narrow(1, 0, 1)};
}

at::Tensor WanTransformer3DModel::head(const at::Tensor& hidden,
                                       const std::vector<nn::ModulatedRows>& runs) const {
  return proj_out_.forward(nn::modulated_layer_norm(hidden, runs, config_.eps));
}

at::Tensor WanTransformer3DModel::unpatchify(const at::Tensor& tokens,
                                             const std::array<std::int64_t, 3>& grid) const {
  const auto [pt, ph, pw] = config_.patch_size;
  // A token's channels are [pt, ph, pw, C], C fastest: not the order that patch_embedding reads.
  return tokens.view({tokens.size(0), grid[0], grid[1], grid[2], pt, ph, pw, -1})
      .permute({0, 7, 1, 4, 2, 5, 3, 6})
      .flatten(6, 7)
      .flatten(4, 5)
      .flatten(2, 3);
}

}  // namespace chitu::models
