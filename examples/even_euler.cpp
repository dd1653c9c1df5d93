#include <ATen/ATen.h>

#include "chitu/chitu.h"
#include "chitu/scheduler.h"

/// Euler's method along evenly spaced noise levels.
class EvenEuler final : public chitu::Scheduler {
 public:
  std::unique_ptr<chitu::Scheduler> clone() const override {
    return std::make_unique<EvenEuler>(*this);
  }
  void set_timesteps(std::int64_t steps, const chitu::ScheduleOptions&) override {
    std::vector<double> timesteps;
    std::vector<float> sigmas;
    for (std::int64_t i = 0; i <= steps; ++i)
      sigmas.push_back(1 - static_cast<float>(i) / static_cast<float>(steps));
    for (std::int64_t i = 0; i < steps; ++i)
      timesteps.push_back(1000 * sigmas[static_cast<std::size_t>(i)]);
    start(std::move(timesteps), std::move(sigmas));
  }

 private:
  at::Tensor take_step(const at::Tensor& velocity, std::int64_t index,
                       const at::Tensor& latents) override {
    const auto at = static_cast<std::size_t>(index);
    return latents + velocity * (sigmas()[at + 1] - sigmas()[at]);
  }
};

/// Makes one for each run. It has no settings of its own.
class EvenEulerClass final : public chitu::SchedulerClass {
 public:
  const std::vector<std::string>& known_keys() const override { return no_keys_; }
  std::unique_ptr<chitu::Scheduler> make(const chitu::JsonObject&,
                                         std::optional<double>) const override {
    return std::make_unique<EvenEuler>();
  }

 private:
  std::vector<std::string> no_keys_;
};
CHITU_REGISTER(chitu::SchedulerClass, EvenEulerClass, "EvenEulerScheduler");

int main() {
  chitu::Engine engine(chitu::compose({.overrides = {"model.scheduler=EvenEulerScheduler"}}));
  engine.generate({.prompt = "a red circle moving right"}).save("even_euler.mp4");
}
