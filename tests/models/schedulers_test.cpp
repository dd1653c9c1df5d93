#include <ATen/ATen.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

using Json = nlohmann::json;

Json unipc(const Json& changes = Json::object()) {
  Json config = Json::parse(R"({"_class_name": "UniPCMultistepScheduler", "flow_shift": 3.0,
    "prediction_type": "flow_prediction", "use_flow_sigmas": true, "solver_order": 2})");
  config.update(changes);
  return config;
}

Json euler(const Json& changes = Json::object()) {
  Json config = Json::parse(R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0})");
  config.update(changes);
  return config;
}

std::unique_ptr<Scheduler> make(const Json& config, std::optional<double> flow_shift = {}) {
  return SchedulerFactory(io::JsonObject("scheduler_config.json", config)).make(flow_shift);
}

std::vector<double> timesteps(const Json& config, std::int64_t steps,
                              const ScheduleOptions& options = {}) {
  const auto scheduler = make(config);
  scheduler->set_timesteps(steps, options);
  return scheduler->timesteps();
}

/// The latents after every step of a recorded case.
at::Tensor walk(Scheduler& scheduler, const io::SafetensorsFile& reference,
                const std::string& name) {
  const at::Tensor velocities = reference.tensor(name + ".velocities");
  at::Tensor sample = reference.tensor(name + ".start");
  std::vector<at::Tensor> samples;
  for (std::int64_t index = 0; index < velocities.size(0); ++index)
    samples.push_back(sample = scheduler.step(velocities[index], index, sample));
  return at::stack(samples);
}

TEST_CASE("every scheduler integrates as in diffusers", "[models][parity]") {
  const auto cases = io::read_json(data("schedulers/cases.json")).at("cases");
  const auto reference = models::reference("schedulers");
  CHECK(cases.size() == 19);
  for (const Json& expected : cases) {
    const auto name = expected.at("name").get<std::string>();
    INFO(name);
    const auto scheduler = make(expected.at("config"));
    const auto steps = expected.at("steps").get<std::int64_t>();
    ScheduleOptions options;
    if (!expected.at("mu").is_null()) {
      for (std::int64_t i = 0; i < steps; ++i)
        options.sigmas.push_back(1.0 - static_cast<double>(i) / static_cast<double>(steps));
      options.mu = scheduler->mu(expected.at("tokens").get<std::int64_t>());
      CHECK(options.mu.value() == Catch::Approx(expected.at("mu").get<double>()).epsilon(1e-12));
    }
    for (int run = 0; run < 2; ++run) {  // the second run finds no state of the first
      scheduler->set_timesteps(steps, options);
      CHECK(relative_error(at::tensor(scheduler->timesteps(), at::kDouble),
                           reference.tensor(name + ".timesteps")) < 1e-7);
      CHECK(relative_error(at::tensor(scheduler->sigmas(), at::kFloat),
                           reference.tensor(name + ".sigmas")) < 1e-7);
      const at::Tensor samples = walk(*scheduler, reference, name);
      const at::Tensor wanted = reference.tensor(name + ".walk");
      CHECK(samples.scalar_type() == wanted.scalar_type());
      CHECK(relative_error(samples, wanted) < 2e-6);
    }
  }
}

TEST_CASE("trap 13: UniPC passes integer timesteps to the model", "[models]") {
  CHECK(timesteps(unipc(), 4) == std::vector<double>{999, 900, 750, 500});
}

TEST_CASE("trap 13: UniPC corrects every step but the first, with the order of its predictor",
          "[models][parity]") {
  const auto reference = models::reference("schedulers");
  const auto wanted = reference.tensor("unipc_4.walk");
  const auto error = [&](const Json& changes) {
    const auto scheduler = make(unipc(changes));
    scheduler->set_timesteps(4);
    return relative_error(walk(*scheduler, reference, "unipc_4"), wanted);
  };
  CHECK(error(Json::object()) < 2e-6);
  CHECK(error({{"disable_corrector", {0, 1, 2}}}) > 1e-3);
  CHECK(error({{"solver_order", 1}}) > 1e-3);
}

TEST_CASE("trap 14: Euler's static shift applies twice at the end of the schedule", "[models]") {
  const auto steps = timesteps(euler(), 4);
  CHECK(steps[0] == 1000);
  CHECK(steps[1] == Catch::Approx(857.692).epsilon(1e-6));
  CHECK(steps[2] == Catch::Approx(602.151).epsilon(1e-6));
  CHECK(steps[3] == Catch::Approx(8.92857).epsilon(1e-6));
}

TEST_CASE("a flow_shift given by the caller replaces the checkpoint's", "[models]") {
  const auto shifted = make(unipc(), 5.0), as_written = make(unipc({{"flow_shift", 5.0}}));
  shifted->set_timesteps(6);
  as_written->set_timesteps(6);
  CHECK(shifted->sigmas() == as_written->sigmas());
  const auto euler_shifted = make(euler(), 5.0), euler_written = make(euler({{"shift", 5.0}}));
  euler_shifted->set_timesteps(6);
  euler_written->set_timesteps(6);
  CHECK(euler_shifted->sigmas() == euler_written->sigmas());
  CHECK_THROWS_WITH(make(unipc(), 0.0), "flow_shift: expected a number above 0, got 0");
}

TEST_CASE("a sample is never written", "[models]") {
  for (const Json& config : {unipc(), euler()}) {
    const auto scheduler = make(config);
    scheduler->set_timesteps(3);
    const at::Tensor velocity = at::ones({1, 2}), sample = at::ones({1, 2});
    scheduler->step(velocity, 1, scheduler->step(velocity, 0, sample));
    CHECK(at::equal(sample, at::ones({1, 2})));
    CHECK(at::equal(velocity, at::ones({1, 2})));
  }
}

TEST_CASE("steps must be taken in order", "[models]") {
  const auto scheduler = make(unipc());
  scheduler->set_timesteps(3);
  const at::Tensor zeros = at::zeros({1, 2});
  CHECK_THROWS_WITH(scheduler->step(zeros, 1, zeros),
                    "scheduler step 1 of 3 called, expected step 0");
  scheduler->step(zeros, 0, zeros);
  CHECK_THROWS_WITH(scheduler->step(zeros, 3, zeros),
                    "scheduler step 3 of 3 called, expected step 1");
  CHECK_THROWS_WITH(scheduler->set_timesteps(0), "num_inference_steps: expected 1 to 1000, got 0");
}

TEST_CASE("a clone continues with the same bits, and the original is unchanged", "[models]") {
  for (const Json& config : {unipc({{"solver_order", 3}}), unipc(), euler()}) {
    const auto scheduler = make(config);
    scheduler->set_timesteps(6);
    const auto velocity = [](std::int64_t index) {
      return at::sin(at::arange(4, at::kFloat) + static_cast<double>(index));
    };
    const auto walk_on = [&](Scheduler& from, at::Tensor sample) {
      for (std::int64_t i = from.next_index(); i < from.step_count(); ++i)
        sample = from.step(velocity(i), i, sample);
      return sample;
    };
    at::Tensor sample = at::ones({4});
    for (std::int64_t i = 0; i < 3; ++i) sample = scheduler->step(velocity(i), i, sample);
    const auto clone = scheduler->clone();
    CHECK(clone->next_index() == 3);
    const at::Tensor end = walk_on(*clone, sample);
    CHECK(clone->next_index() == 6);
    CHECK(scheduler->next_index() == 3);
    CHECK(at::equal(end, walk_on(*scheduler, sample)));
  }
}

TEST_CASE("a scheduler with the memory of another one goes on with the same bits", "[models]") {
  for (const Json& config : {unipc({{"solver_order", 3}}), unipc(), euler()}) {
    const auto first = make(config);
    first->set_timesteps(6);
    const auto velocity = [](std::int64_t index) {
      return at::sin(at::arange(4, at::kFloat) + static_cast<double>(index));
    };
    at::Tensor sample = at::ones({4});
    for (std::int64_t i = 0; i < 3; ++i) sample = first->step(velocity(i), i, sample);
    const auto second = make(config);
    second->set_timesteps(6);
    second->resume(first->memory());
    CHECK(second->next_index() == 3);
    at::Tensor other = sample;
    for (std::int64_t i = 3; i < 6; ++i) {
      sample = first->step(velocity(i), i, sample);
      other = second->step(velocity(i), i, other);
      CHECK(at::equal(sample, other));
    }
    CHECK(first->memory().tensors.empty());
  }
}

TEST_CASE("the memory of another schedule is refused", "[models]") {
  const auto scheduler = make(unipc());
  scheduler->set_timesteps(4);
  CHECK_THROWS_WITH(scheduler->resume({.next_index = 5}),
                    "a walk after 5 steps cannot go on in a schedule of 4");
  CHECK_THROWS_WITH(scheduler->resume({.next_index = 2}),
                    "the predictions of the steps taken are missing");
}

TEST_CASE("skipped steps count, and no more can be skipped than are left", "[models]") {
  const auto scheduler = make(unipc());
  scheduler->set_timesteps(4);
  const at::Tensor zeros = at::zeros({1, 2});
  scheduler->step(zeros, 0, zeros);
  scheduler->skip(2);
  CHECK(scheduler->next_index() == 3);
  CHECK_THROWS_WITH(scheduler->skip(2), "2 steps skipped after 3 of 4");
  scheduler->skip(1);
  CHECK_THROWS_WITH(scheduler->step(zeros, 4, zeros),
                    "scheduler step 4 of 4 called, expected step 4");
}

TEST_CASE("a finished schedule holds no tensors of its steps", "[models]") {
  for (const bool skips : {false, true}) {
    const auto scheduler = make(unipc());
    scheduler->set_timesteps(3);
    const at::Tensor first = at::ones({1, 2});
    at::Tensor sample = first;
    for (std::int64_t i = 0; i < (skips ? 1 : 3); ++i)
      sample = scheduler->step(at::ones({1, 2}), i, sample);
    if (skips) CHECK(first.use_count() == 2);  // the last sample
    if (skips) scheduler->skip(2);
    CHECK(first.use_count() == 1);
    CHECK(sample.use_count() == 1);
  }
}

TEST_CASE("an unknown scheduler is refused with the names of the known ones", "[models]") {
  const auto& known = Registry<SchedulerClass>::instance();
  for (const char* name : {"FlowMatchEulerDiscreteScheduler", "UniPCMultistepScheduler"})
    CHECK(known.find(name));
  CHECK_THROWS_WITH(make({{"_class_name", "DDIMScheduler"}}),
                    "scheduler_config.json: _class_name: unknown scheduler DDIMScheduler, expected "
                    "one of " +
                        join(known.names()));
  CHECK_THROWS_AS(make(Json::object()), InputError);
}

TEST_CASE("a class named by the caller overrides the config's", "[models]") {
  const SchedulerFactory factory(io::JsonObject("scheduler_config.json", unipc()),
                                 "FlowMatchEulerDiscreteScheduler");
  CHECK(factory.class_name() == "FlowMatchEulerDiscreteScheduler");
  const auto scheduler = factory.make(), plain = make(euler({{"shift", 1.0}}));
  scheduler->set_timesteps(4);
  plain->set_timesteps(4);
  CHECK(scheduler->sigmas() == plain->sigmas());
}

TEST_CASE("keys of other schedulers are ignored with one line in the log", "[models]") {
  std::ostringstream text;
  const auto log = logger("models");
  log->sinks().push_back(std::make_shared<spdlog::sinks::ostream_sink_st>(text));
  const auto scheduler =
      make(euler({{"beta_end", 0.02}, {"flow_shift", 7.0}, {"thresholding", true}}));
  log->sinks().pop_back();
  scheduler->set_timesteps(4);
  const auto plain = make(euler());
  plain->set_timesteps(4);
  CHECK(scheduler->sigmas() == plain->sigmas());
  CHECK_THAT(text.str(),
             Catch::ContainsSubstring(
                 "scheduler_config.json: ignored, keys of schedulers other than "
                 "FlowMatchEulerDiscreteScheduler: beta_end, flow_shift, thresholding"));
  CHECK(std::ranges::count(text.str(), '\n') == 1);
  make(unipc({{"shift", 3.0}, {"stochastic_sampling", true}, {"quantization_config", nullptr}}));
  CHECK_THROWS_WITH(make(euler({{"shfit", 3.0}, {"beta_end", 0.02}})),
                    "scheduler_config.json: shfit: unknown key, did you mean shift?");
}

TEST_CASE("a schedule that leads to numbers that are not finite is recognized", "[models]") {
  const auto finite = [](const Json& config, std::int64_t steps, std::optional<double> shift = {}) {
    const auto scheduler = make(config, shift);
    scheduler->set_timesteps(steps);
    const bool is_finite = stays_finite(*scheduler);
    scheduler->step(at::ones({1}), 0, at::ones({1}));  // a new trajectory may start
    return is_finite;
  };
  for (const Json& config : {unipc(), euler()}) {
    CHECK(finite(config, 1));
    CHECK(finite(config, 50));
    CHECK_FALSE(finite(config, 4, 1e-30));
  }
  CHECK_FALSE(finite(unipc(), 4, 1e30));  // every sigma is 1: no step has a length
  CHECK_FALSE(finite(unipc({{"shift_terminal", 0.1}}), 1));
  CHECK(finite(unipc({{"shift_terminal", 0.1}}), 2));
  CHECK_FALSE(finite(euler({{"shift_terminal", 0.1}}), 1));
}

TEST_CASE("unsupported settings of a scheduler are refused by name", "[models]") {
  const auto refused = [](const Json& config, const std::string& message) {
    INFO(message);
    CHECK_THROWS_AS(make(config), InputError);
    CHECK_THROWS_WITH(make(config), Catch::ContainsSubstring("scheduler_config.json: " + message));
  };
  refused(unipc({{"prediction_type", "epsilon"}}),
          "prediction_type: epsilon is not supported, expected flow_prediction");
  refused(unipc({{"use_flow_sigmas", false}}), "use_flow_sigmas: false is not supported");
  refused(unipc({{"predict_x0", false}}), "predict_x0: false is not supported");
  refused(unipc({{"use_karras_sigmas", true}}), "use_karras_sigmas: true is not supported");
  refused(unipc({{"thresholding", true}}), "thresholding: true is not supported");
  refused(unipc({{"solver_p", {{"_class_name", "DDIMScheduler"}}}}), "solver_p: another solver");
  refused(unipc({{"solver_order", 4}}), "solver_order: expected 1, 2 or 3, got 4");
  refused(unipc({{"solver_type", "bh3"}}), "solver_type: bh3 is not supported");
  refused(unipc({{"solver_type", "bh1"}}), "solver_type: bh1 has no step to sigma 0");
  refused(unipc({{"lower_order_final", false}}), "lower_order_final: only order 1 has a step");
  refused(unipc({{"flow_shfit", 3.0}}), "flow_shfit: unknown key, did you mean flow_shift");
  refused(unipc({{"flow_shift", -1.0}}), "flow_shift: expected a number above 0, got -1");
  for (const auto& config : {unipc, euler})
    refused(config({{"shift_terminal", 1.0}}),
            "shift_terminal: expected a number between 0 and 1, got 1");
  refused(euler({{"stochastic_sampling", true}}), "stochastic_sampling: true is not supported");
  refused(euler({{"invert_sigmas", true}}), "invert_sigmas: true is not supported");
  refused(euler({{"time_shift_type", "cubic"}}), "time_shift_type: cubic is not supported");
}

TEST_CASE("a schedule that depends on the size requires mu", "[models]") {
  const auto scheduler = make(euler({{"use_dynamic_shifting", true}}));
  CHECK_THROWS_AS(scheduler->set_timesteps(4), InputError);
  CHECK_THROWS_AS(make(euler({{"use_dynamic_shifting", true}}), 3.0), InputError);
  CHECK_FALSE(make(euler())->mu(4096).has_value());
}

}  // namespace
}  // namespace chitu::models
