#include "chitu_core/cache/session.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace chitu::cache {
namespace {

using memory::LayerRange;

constexpr std::int64_t kLayers = 4;

/// A model whose layer l adds l + 1 to the states, and whose input is that of a step.
struct ToyModel final : Lanes {
  explicit ToyModel(std::size_t lanes) : hidden(lanes) {}
  std::vector<std::size_t> order() const override {
    std::vector<std::size_t> all;
    for (std::size_t lane = 0; lane < hidden.size(); ++lane) all.push_back(lane);
    return all;
  }
  std::vector<at::Tensor> states(std::size_t lane) override { return {hidden[lane]}; }
  std::vector<at::Tensor> input(std::size_t lane) override {
    return {at::full({2}, begin + 100.0 * static_cast<double>(lane))};
  }
  void set(std::size_t lane, std::vector<at::Tensor> states) override {
    hidden[lane] = std::move(states.front());
  }

  /// The result of each lane.
  std::vector<double> pass(PassCache* cache, double step_begin) {
    begin = step_begin;
    computed.clear();
    for (std::size_t lane = 0; lane < hidden.size(); ++lane) hidden[lane] = input(lane).front();
    walk_layers(cache, *this, kLayers, [&](std::int64_t layer) {
      computed.push_back(layer);
      for (at::Tensor& states : hidden) states.add_(factor * static_cast<double>(layer + 1));
    });
    std::vector<double> results;
    for (const at::Tensor& states : hidden) results.push_back(states[0].item<double>());
    return results;
  }

  std::vector<at::Tensor> hidden;
  double begin = 0, factor = 1;
  std::vector<std::int64_t> computed;
};

CachePlan plan_with(Reuse reuse, LayerRange span, const std::vector<bool>& reused) {
  CachePlan plan;
  plan.reuse = reuse;
  plan.layers = kLayers;
  plan.span = span;
  for (const bool reuses : reused) {
    CachePlan::Step step{{0, kLayers}};
    if (reuses) step.layers = span.first == 0 ? LayerRange{span.last, kLayers} : LayerRange{0, 1};
    plan.steps.push_back(step);
  }
  return plan;
}

std::string text_of(const LayerRange& range) {
  return std::to_string(range.first) + "-" + std::to_string(range.last) + " ";
}

/// "0-4 3-4 ": the ranges that are announced before the first step.
std::string announced_by(Session& session) {
  std::string ranges;
  session.begin([&](const LayerRange& range) { ranges += text_of(range); });
  return ranges;
}

TEST_CASE("a skipped step adds to its input what the layers added last", "[cache]") {
  const c10::InferenceMode inference;
  Session session(plan_with(Reuse::residual, {0, kLayers}, {false, true, false}), 1, 1,
                  GENERATE(false, true));
  announced_by(session);
  ToyModel model(2);
  const auto step = [&](std::size_t index, double begin) {
    session.begin_step(index);
    session.begin_pass(0);
    return model.pass(session.of_branch(0), begin);
  };
  CHECK(step(0, 1) == std::vector<double>{11, 111});
  CHECK(session.decision() == "compute");
  CHECK(step(1, 2) == std::vector<double>{12, 112});
  CHECK(model.computed.empty());
  CHECK(session.decision() == "reuse");
  CHECK(session.computed_layers().empty());
  CHECK(step(2, 3) == std::vector<double>{13, 113});
  CHECK(model.computed.size() == kLayers);
}

TEST_CASE("passes are announced ahead: only the layers that compute", "[cache]") {
  Session session(plan_with(Reuse::states, {0, 3}, {false, true, false}), 1, 2, false);
  CHECK(announced_by(session) == "0-4 0-4 3-4 3-4 0-4 0-4 ");
  Session whole(plan_with(Reuse::residual, {0, kLayers}, {false, true}), 1, 1, false);
  CHECK(announced_by(whole) == "0-4 ");
}

TEST_CASE("states after some blocks are taken from the step before", "[cache]") {
  const c10::InferenceMode inference;
  Session session(plan_with(Reuse::states, {0, 2}, {false, true}), 1, 1, false);
  announced_by(session);
  ToyModel model(1);
  session.begin_step(0);
  session.begin_pass(0);
  CHECK(model.pass(session.of_branch(0), 1).front() == 11);
  session.begin_step(1);
  session.begin_pass(0);
  CHECK(model.pass(session.of_branch(0), 5).front() == 11);  // 1 + 1 + 2, then 3 + 4
  CHECK(model.computed == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("a forecast goes on as the last computed steps went", "[cache]") {
  const c10::InferenceMode inference;
  auto plan = plan_with(Reuse::residual, {0, kLayers}, {false, false, true, true});
  plan.order = 1;
  Session session(plan, 1, 1, false);
  announced_by(session);
  ToyModel model(1);
  std::vector<double> results;
  for (std::size_t step = 0; step < 4; ++step) {
    session.begin_step(step);
    session.begin_pass(0);
    model.factor = static_cast<double>(step + 1);
    results.push_back(model.pass(session.of_branch(0), 0).front());
  }
  CHECK(results == std::vector<double>{10, 20, 30, 40});
  CHECK(session.decision() == "forecast");
}

TEST_CASE("what the first block adds decides at run time whether the others compute", "[cache]") {
  const c10::InferenceMode inference;
  CachePlan plan = plan_with(Reuse::residual, {1, kLayers}, {false, false, false});
  for (auto& step : plan.steps) step.may_reuse = true;
  plan.steps.front().may_reuse = false;
  plan.threshold = 0.1;
  Session session(plan, 1, 2, false);
  std::string announced;
  session.begin([&](const LayerRange& range) { announced += text_of(range); });
  ToyModel prompt(1), negative(1);
  const auto step = [&](std::size_t index, double factor) {
    session.begin_step(index);
    announced.clear();
    prompt.factor = factor;
    for (const std::size_t branch : {0, 1}) {
      session.begin_pass(branch);
      (branch == 0 ? prompt : negative).pass(session.of_branch(branch), 0);
    }
  };
  step(0, 1);
  CHECK(announced == "0-1 1-4 0-1 1-4 ");
  step(1, 1.05);
  CHECK(announced == "0-1 0-1 ");  // the negative prompt follows
  CHECK(prompt.computed == std::vector<std::int64_t>{0});
  CHECK(negative.computed == std::vector<std::int64_t>{0});
  CHECK(prompt.hidden[0][0].item<double>() == Catch::Approx(1.05 + 9));
  CHECK(session.computed_layers() == LayerRange{0, 1});
  step(2, 1.2);
  CHECK(announced == "0-1 1-4 0-1 1-4 ");
  CHECK(session.computed_layers() == LayerRange{0, kLayers});
}

TEST_CASE("a video that is left out takes its state along", "[cache]") {
  const c10::InferenceMode inference;
  Session session(plan_with(Reuse::residual, {0, kLayers}, {false, true}), 2, 1, false);
  announced_by(session);
  ToyModel both(2), second(1);
  session.begin_step(0);
  session.begin_pass(0);
  both.pass(session.of_branch(0), 1);
  session.drop(0);
  session.begin_step(1);
  session.begin_pass(0);
  CHECK(second.pass(session.of_branch(0), 1).front() == 11);
}

TEST_CASE("attention is added again as it was, also for the videos behind one that is left out",
          "[cache]") {
  const c10::InferenceMode inference;
  CachePlan plan = plan_with(Reuse::attention, {0, kLayers}, {false, false});
  plan.steps[1].reuse_cross_attention = true;
  Session session(plan, 2, 1, false);
  announced_by(session);
  using Kind = PassCache::Attention;
  PassCache& cache = *session.of_branch(0);
  session.begin_step(0);
  session.begin_pass(0);
  for (const std::size_t lane : {0, 1, 2, 3}) {  // two prompts of two videos
    at::Tensor states = at::ones({1});
    CHECK_FALSE(cache.reuse_attention(2, lane, Kind::cross, states));
    CHECK_FALSE(cache.attention_begin(Kind::self, states).defined());
    at::Tensor before = cache.attention_begin(Kind::cross, states);
    states.add_(static_cast<double>(lane + 1));
    cache.attention_end(2, lane, Kind::cross, std::move(before), states);
  }
  CHECK(session.held() == 4);
  session.drop(0);
  session.begin_step(1);
  session.begin_pass(0);
  for (const std::size_t lane : {0, 1}) {
    at::Tensor states = at::zeros({1});
    CHECK_FALSE(cache.reuse_attention(2, lane, Kind::self, states));
    REQUIRE(cache.reuse_attention(2, lane, Kind::cross, states));
    CHECK(states.item<double>() == static_cast<double>(lane + 3));
  }
}

TEST_CASE("nothing is kept that no later step reuses", "[cache]") {
  const c10::InferenceMode inference;
  Session session(plan_with(Reuse::residual, {0, kLayers}, {false, true, false, false}), 1, 1,
                  false);
  announced_by(session);
  ToyModel model(1);
  const auto held_after = [&](std::size_t step) {
    session.begin_step(step);
    session.begin_pass(0);
    model.pass(session.of_branch(0), 0);
    return session.held();
  };
  CHECK(held_after(0) == 1);
  CHECK(held_after(1) == 1);
  CHECK(held_after(2) == 0);
}

TEST_CASE("velocities are predicted from the steps of each video", "[cache]") {
  const c10::InferenceMode inference;
  CachePlan plan = plan_with(Reuse::velocity, {0, kLayers}, {false, false, false});
  plan.steps[2].layers = {};
  plan.steps[2].span = 2;
  Session session(plan, 2, 1, false);
  announced_by(session);
  CHECK(session.of_branch(0) == nullptr);
  const at::Tensor x = at::zeros({1});
  const auto at_step = [&](std::size_t step) {
    session.begin_step(step);
    return session.reuses_velocity(x, 1, 0);
  };
  for (const std::size_t step : {0, 1}) {
    CHECK_FALSE(at_step(step));
    const double sigma = 1.0 - 0.25 * static_cast<double>(step);
    session.record(0, at::full({1}, 4 * sigma), sigma, at::full({1}, 4.0));
    session.record(1, at::full({1}, 0.0), sigma, at::full({1}, 1.0));
  }
  REQUIRE(at_step(2));
  // A constant velocity stays; the other video has moved by 0.5 where its velocity was 1.
  CHECK(session.velocity(0, at::full({1}, 2.0), 0.5, 0.25)[0].item<double>() == 4);
  CHECK(session.velocity(1, at::full({1}, -0.25), 0.5, 0.25)[0].item<double>() ==
        1 - (1 - 0.5) / -0.5 * -0.25);
}

}  // namespace
}  // namespace chitu::cache
