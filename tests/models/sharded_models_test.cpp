#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/models/qwen_image/modulation.h"
#include "chitu_core/models/qwen_image/transformer.h"
#include "chitu_core/models/wan/transformer.h"
#include "chitu_core/parallel/even_parts.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"
#include "tests/support/thread_ranks.h"

namespace chitu::models {
namespace {

using Predictions = std::vector<at::Tensor>;
using Predict = std::function<Predictions(const nn::Attention&)>;
using Ranks = std::shared_ptr<testing::ThreadCommunicator>;

struct Way {
  std::string scheme;
  int ranks;
  int up = 0;
};

std::vector<Way> ways() {
  std::vector<Way> all{{"auto", 4, 2}, {"auto", 4, 4}};
  for (const int ranks : {2, 3, 4, 5, 7})
    for (const char* scheme : {"ulysses", "ring", "allgather", "auto"})
      all.push_back({scheme, ranks});
  return all;
}

/// What every rank predicts.
std::vector<Predictions> on_all_ranks(const Way& way, std::int64_t heads, const Predict& predict) {
  std::vector<Predictions> of_ranks(static_cast<std::size_t>(way.ranks));
  testing::on_ranks(way.ranks, [&](const Ranks& ranks) {
    const c10::InferenceMode inference;
    const nn::Attention attention("auto", c10::kCPU,
                                  parallel::attention_hook(way.scheme, {ranks, heads, way.up}));
    of_ranks[static_cast<std::size_t>(ranks->rank())] = predict(attention);
  });
  return of_ranks;
}

/// One process against every way to split the sequence: close to it, the same bits on every rank,
/// and the same bits again.
void check_ways(std::int64_t heads, const Predict& predict) {
  const c10::InferenceMode inference;
  const Predictions alone = predict(nn::Attention());
  for (const Way& way : ways()) {
    INFO(fmt::format("{} on {} ranks, up {}", way.scheme, way.ranks, way.up));
    const auto of_ranks = on_all_ranks(way, heads, predict);
    const auto again = on_all_ranks(way, heads, predict);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      CHECK(relative_error(of_ranks[0][i], alone[i]) < 1e-5);
      CHECK(at::equal(again[0][i], of_ranks[0][i]));
      for (const Predictions& predictions : of_ranks)
        CHECK(at::equal(predictions[i], of_ranks[0][i]));
    }
  }
}

at::Tensor waves(at::IntArrayRef sizes, double step) {
  return at::sin(at::arange(c10::multiply_integers(sizes), at::kFloat) * step).view(sizes);
}

/// folder  below tests/data
template <class Model, class Config>
std::unique_ptr<Model> open(const char* folder) {
  const auto path = std::filesystem::path(CHITU_TEST_DATA) / folder;
  auto model =
      std::make_unique<Model>(Config::from_json(io::JsonObject::read(path / "config.json")));
  memory::bind_weights(*model, memory::FileWeights(path), {c10::kCPU, at::kFloat});
  return model;
}

std::unique_ptr<WanTransformer3DModel> wan() {
  return open<WanTransformer3DModel, WanTransformer3DConfig>("models/wan_transformer");
}

struct WanInputs {
  at::Tensor latents, prompt, negative;
  WanInputs(const WanTransformer3DModel& model, std::int64_t videos, std::int64_t frames,
            std::int64_t rows, std::int64_t columns)
      : latents(waves({videos, model.config().out_channels, frames, 2 * rows, 2 * columns}, 0.83)),
        prompt(waves({videos, 9, model.config().text_dim}, 0.31)),
        negative(waves({videos, 9, model.config().text_dim}, 0.47)) {}
};

TEST_CASE("ranks that share the tokens of a video predict what one predicts", "[models]") {
  const auto model = wan();
  const auto check = [&](std::int64_t videos, std::int64_t frames, std::int64_t rows,
                         std::int64_t columns) {
    INFO(fmt::format("{} videos of {} x {} x {} tokens", videos, frames, rows, columns));
    const WanInputs in(*model, videos, frames, rows, columns);
    check_ways(model->config().num_attention_heads, [&](const nn::Attention& attention) {
      auto context =
          model->prepare(in.latents, {in.prompt, in.negative}, true, {}, {}, attention.ranks());
      return model->forward(in.latents, 857.692, context, attention);
    });
  };
  check(1, 3, 3, 5);
  check(2, 2, 2, 5);
  check(1, 1, 1, 3);  // fewer tokens than ranks
}

TEST_CASE("ranks that share tokens of two timesteps predict what one predicts", "[models]") {
  const auto model = wan();
  const WanInputs in(*model, 1, 3, 3, 5);
  const at::Tensor first = waves({1, model->config().out_channels, 1, 6, 10}, 0.53);
  check_ways(model->config().num_attention_heads, [&](const nn::Attention& attention) {
    auto context =
        model->prepare(in.latents, {in.prompt, in.negative}, true, {},
                       {.embeds = {}, .channels = {}, .first_frames = first}, attention.ranks());
    return model->forward(in.latents, 500, context, attention);
  });
}

TEST_CASE("ranks predict the same with activations in chunks", "[models]") {
  const auto model = wan();
  const WanInputs in(*model, 1, 3, 3, 5);
  const auto with_chunks = [&](std::int64_t chunk) {
    return on_all_ranks(
        {"auto", 3}, model->config().num_attention_heads, [&](const nn::Attention& attention) {
          auto context =
              model->prepare(in.latents, {in.prompt, in.negative}, true, {}, {}, attention.ranks());
          return model->forward(in.latents, 500, context, attention, {.ffn_chunk_tokens = chunk});
        })[0];
  };
  const Predictions whole = with_chunks(0), chunks = with_chunks(4);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(relative_error(chunks[i], whole[i]) < 1e-6);
}

TEST_CASE("ranks that share the tokens of several videos predict what one predicts", "[models]") {
  const auto model = wan();
  const WanInputs first(*model, 1, 3, 3, 5), second(*model, 1, 3, 3, 5);
  const at::Tensor other = second.latents * 0.5;
  check_ways(model->config().num_attention_heads, [&](const nn::Attention& attention) {
    auto one = model->prepare(first.latents, {first.prompt, first.negative}, true, {}, {},
                              attention.ranks());
    auto two =
        model->prepare(other, {second.negative, second.prompt}, true, {}, {}, attention.ranks());
    const auto both = model->forward({{first.latents, one}, {other, two}}, 250, attention);
    Predictions all = both[0];
    all.insert(all.end(), both[1].begin(), both[1].end());
    return all;
  });
}

TEST_CASE("a rank sends, for a video, its attention and once its tokens of the prediction",
          "[models]") {
  const auto model = wan();
  const auto& config = model->config();
  const WanInputs in(*model, 1, 3, 3, 5);
  constexpr int kRanks = 4;
  constexpr std::int64_t kTokens = 45, kFloatBytes = 4;
  testing::on_ranks(kRanks, [&](const Ranks& ranks) {
    const nn::Attention attention(
        "auto", c10::kCPU,
        parallel::attention_hook("allgather", {ranks, config.num_attention_heads, 0}));
    auto context = model->prepare(in.latents, {in.prompt}, true, {}, {}, attention.ranks());
    model->forward(in.latents, 500, context, attention);
    const std::int64_t mine = parallel::part_count(kTokens, kRanks, ranks->rank());
    const std::int64_t of_attention = 2 * config.width() * config.num_layers;
    const std::int64_t of_prediction = config.out_channels * config.patch_volume();
    if (ranks->bytes_sent() != (kRanks - 1) * mine * (of_attention + of_prediction) * kFloatBytes)
      throw Error("another number of bytes");
  });
}

template <class Model>
std::unique_ptr<Model> qwen_part() {
  return open<Model, QwenImageTransformer2DConfig>("qwen_image/model/transformer");
}

TEST_CASE("ranks that share the tokens of a picture and its prompt predict what one predicts",
          "[models]") {
  const auto model = qwen_part<QwenImageTransformer2DModel>();
  const auto all = qwen_part<QwenImageModulation>()->modulations({900}, c10::kCPU);
  const QwenImageStepModulation step{all.blocks.select(1, 0), all.head.select(0, 0)};
  const auto& config = model->config();
  const auto check = [&](std::int64_t rows, std::int64_t columns, std::int64_t words) {
    INFO(fmt::format("{} x {} tokens, prompt of {}", rows, columns, words));
    const at::Tensor latents = waves({1, rows * columns, config.in_channels}, 0.77);
    const at::Tensor prompt = waves({1, words, config.joint_attention_dim}, 0.29);
    const at::Tensor negative = waves({1, 2, config.joint_attention_dim}, 0.41);
    check_ways(config.num_attention_heads, [&](const nn::Attention& attention) {
      const auto context = model->prepare(rows, columns, {prompt, negative});
      return model->forward({{latents, context}}, step, attention).front();
    });
  };
  check(5, 7, 11);
  check(4, 4, 1);
  check(1, 2, 3);  // fewer tokens than ranks
}

}  // namespace
}  // namespace chitu::models
