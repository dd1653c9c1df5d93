#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "chitu_core/common/error.h"
#include "pipelines/forecast/level_forecaster.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::WithinRel;

struct Way {
  int cp_size = 1, cfg_size = 1, up = 0;
  std::string backend = "auto";
};

std::string text(const Way& way) {
  return fmt::format("cp_size {}, cfg_size {}, up {}, {}", way.cp_size, way.cfg_size, way.up,
                     way.backend);
}

/// 1e12 operations a second, and links that take no time.
DeviceProfile profile_of_arithmetic() {
  DeviceProfile profile;
  profile.flops.bfloat16 = profile.flops.float32 = 1e12;
  return profile;
}

DeviceProfile with_interconnect(double bandwidth, double latency_s = 0) {
  DeviceProfile profile = profile_of_arithmetic();
  profile.links.interconnect =
      RankLink{.name = "a link", .bandwidth = bandwidth, .latency_s = latency_s, .shared = false};
  return profile;
}

/// The plans of a video of 480p, without weights.
class Videos {
 public:
  explicit Videos(std::string model = "wan2.1-t2v-1.3b") : model_(std::move(model)) {}

  LevelForecast plan(const Way& way, const DeviceProfile& profile, int level = 0) const {
    EngineOptions options = options_for(fs::path(CHITU_SOURCE_DIR) / "assets" / model_, "cuda");
    options.dtype = "bfloat16";
    options.profile = profile;
    options.parallel.cp_size = way.cp_size;
    options.parallel.cfg_size = way.cfg_size;
    options.parallel.up = way.up;
    options.parallel.backend = way.backend;
    const LevelForecaster forecaster(options);
    return forecaster.plan(level, complete(forecaster.pipeline(), request_), true);
  }
  LeastTime step(const Way& way, const DeviceProfile& profile) const {
    return plan(way, profile).least_time->step;
  }

  PartialRequest& request() { return request_; }

 private:
  static PartialRequest video() {
    PartialRequest request = small_request();
    request.width = 832;
    request.height = 480;
    request.num_frames = 81;
    return request;
  }

  std::string model_;
  PartialRequest request_ = video();
};

std::int64_t bytes_of(const device::Exchanges& exchanges) {
  std::int64_t sum = 0;
  for (const auto& [episode, count] : exchanges)
    for (const auto& exchange : episode.exchanges) sum += count * exchange.sent_bytes();
  return sum;
}

std::vector<Way> ways() {
  return {{2, 1, 0, "ulysses"},   {4, 1, 0, "ring"},
          {4, 1, 2, "auto"},      {5, 1, 0, "ulysses"},
          {3, 1, 0, "allgather"}, {1, 2},
          {2, 2, 0, "ring"},      {8, 2}};
}

TEST_CASE("the exchanges of a plan have all the bytes that it sends", "[pipelines]") {
  const Videos videos;
  for (const Way& way : ways()) {
    INFO(text(way));
    const Forecast forecast = videos.plan(way, profile_of_arithmetic()).forecast;
    for (const StageForecast& stage : forecast.stages)
      CHECK(bytes_of(stage.use.exchanges) == stage.use.sent);
    CHECK(bytes_of(forecast.step().exchanges) == forecast.step().sent);
    CHECK(forecast.step().sent > 0);
  }
}

TEST_CASE("over links without bandwidth's limit and latency, a step takes its arithmetic",
          "[pipelines]") {
  const Videos videos;
  for (const Way& way : ways()) {
    INFO(text(way));
    const LeastTime step = videos.step(way, with_interconnect(1e300));
    CHECK(step.exchange_wait_s < 1e-200);
    CHECK_THAT(step.total_s, WithinRel(step.compute_s, 1e-12));
    CHECK_THAT(step.total_s, WithinRel(videos.step(way, profile_of_arithmetic()).total_s, 1e-12));
  }
}

TEST_CASE("where tokens and heads divide, a step's arithmetic is its part of that of one process",
          "[pipelines]") {
  const Videos videos;  // 32760 tokens, 12 heads
  const auto flops = [&](const Way& way) {
    return videos.plan(way, profile_of_arithmetic()).forecast.step().flops;
  };
  CHECK_THAT(flops({1, 2}),
             WithinRel(flops({}) / 2, 0.02));  // one process shares the first attention
  const double alone = flops({1, 2});
  for (const int ranks : {2, 4})
    for (const char* backend : {"ulysses", "ring", "allgather"}) {
      CAPTURE(ranks, backend);
      // The keys and values of the prompt are computed by every rank, once for all steps.
      CHECK_THAT(flops({ranks, 2, 0, backend}), WithinRel(alone / ranks, 1e-3));
    }
  const double of_five = flops({5, 2, 0, "ulysses"});  // 12 heads are 3, 3, 2, 2, 2
  CHECK(of_five > flops({5, 2, 0, "ring"}));
  CHECK(of_five < alone / 4);
}

TEST_CASE("slower links and larger latency never make a step shorter", "[pipelines]") {
  const Videos videos;
  for (const Way& way : ways()) {
    INFO(text(way));
    double before = 0;
    for (const double bandwidth : {1e13, 1e11, 1e10, 1e9, 1e8}) {
      const double now = videos.step(way, with_interconnect(bandwidth)).total_s;
      CHECK(now >= before);
      before = now;
    }
    CHECK(videos.step(way, with_interconnect(1e10, 1e-3)).total_s >
          videos.step(way, with_interconnect(1e10)).total_s);
  }
}

TEST_CASE("Ulysses and gathered keys wait for every byte, a ring hides blocks behind attention",
          "[pipelines]") {
  const Videos videos;
  const DeviceProfile profile = with_interconnect(1e12);
  for (const Way& way : {Way{4, 1, 0, "ulysses"}, Way{4, 1, 0, "allgather"}}) {
    INFO(text(way));
    const LeastTime step = videos.step(way, profile);
    CHECK_THAT(step.exchange_wait_s, WithinRel(step.exchange_s, 1e-12));
    CHECK_THAT(step.exchange_s,
               WithinRel(double(videos.plan(way, profile).forecast.step().sent) / 1e12, 1e-12));
    CHECK_THAT(step.total_s, WithinRel(step.compute_s + step.exchange_s, 1e-12));
  }
  const Way ring{4, 1, 0, "ring"};
  const LeastTime hidden = videos.step(ring, profile);
  // What is gathered at the end of a step, once for each branch: 16 channels of 1 x 2 x 2 patches.
  const double gathered = 2 * 3 * (32760.0 / 4) * 16 * 4 * 2;
  CHECK_THAT(hidden.exchange_wait_s, WithinRel(gathered / 1e12, 1e-9));
  CHECK(hidden.exchange_s > 100 * hidden.exchange_wait_s);
  const LeastTime slow = videos.step(ring, with_interconnect(1e7));
  CHECK(slow.exchange_wait_s > 0.5 * slow.exchange_s);
  CHECK(slow.exchange_wait_s < slow.exchange_s);
}

TEST_CASE("a group of ranks that lies across hosts uses the slower link", "[pipelines]") {
  const Videos videos;
  const Way way{4, 1, 0, "ulysses"};
  DeviceProfile profile = with_interconnect(1e12);
  const double one_host = videos.step(way, profile).exchange_s;
  profile.links.network = RankLink{.name = "a network", .bandwidth = 1e10};
  profile.links.ranks_per_host = 4;
  CHECK(videos.step(way, profile).exchange_s == one_host);
  profile.links.ranks_per_host = 2;
  const double two_hosts = videos.step(way, profile).exchange_s;
  // Two of the three others are on the other host.
  CHECK_THAT(two_hosts, WithinRel(one_host * 100 * 2 / 3, 1e-9));
  profile.links.network->shared = true;
  CHECK_THAT(videos.step(way, profile).exchange_s, WithinRel(2 * two_hosts, 1e-9));
}

TEST_CASE("one process takes as long as its own plan says", "[pipelines]") {
  EngineOptions options =
      options_for(fs::path(CHITU_SOURCE_DIR) / "assets" / "wan2.1-t2v-1.3b", "cuda");
  options.profile = with_interconnect(1e9);
  const auto time_of = [&](const LevelForecaster& forecaster) {
    const Request request = complete(forecaster.pipeline(), small_request());
    const Forecasts forecasts = forecaster.forecasts(request, true);
    return forecaster.time_of_one_rank(forecaster.plan_of(2), forecasts).total_s;
  };
  const LevelForecaster alone(options);
  options.parallel.cp_size = 4;
  const LevelForecaster ranks(options);
  CHECK(time_of(ranks) == time_of(alone));
  CHECK(time_of(alone) ==
        alone.plan(2, complete(alone.pipeline(), small_request()), true).least_time->total_s);
}

TEST_CASE("every mixture of ranks has a plan, also with fewer tokens or heads than ranks",
          "[pipelines]") {
  const std::string model = GENERATE("wan2.1-t2v-1.3b", "qwen-image", "wan2.2-ti2v-5b");
  Videos videos(model);
  videos.request().width = videos.request().height = 64;
  videos.request().num_frames = 5;
  if (model == "qwen-image") videos.request().num_frames.reset();
  for (const int cp_size : {3, 7, 16, 64})
    for (const int cfg_size : {1, 2})
      for (const char* backend : {"auto", "ulysses", "ring", "allgather"}) {
        const Way way{cp_size, cfg_size, 0, backend};
        INFO(model << ", " << text(way));
        const LevelForecast plan = videos.plan(way, with_interconnect(1e9), 3);
        CHECK(plan.forecast.sent_bytes > 0);
        CHECK(plan.least_time->step.exchange_s > 0);
        CHECK(plan.least_time->total_s >= plan.least_time->step.exchange_wait_s);
      }
}

TEST_CASE("every Ulysses degree that divides the ranks has a plan", "[pipelines]") {
  const Videos videos;
  for (const int up : {1, 2, 3, 4, 6, 8, 12, 24}) {
    CAPTURE(up);
    CHECK(videos.plan({24, 1, up}, with_interconnect(1e9)).forecast.sent_bytes > 0);
  }
  CHECK_THROWS_AS(videos.plan({24, 1, 5}, with_interconnect(1e9)), InputError);
}

}  // namespace
}  // namespace chitu::pipelines
