#include "chitu/cache.h"
#include "chitu/chitu.h"

/// Computes the first steps, and then every second one; the others add what the layers added last.
class EveryOther final : public chitu::Cache {
 public:
  std::vector<chitu::CacheParam> params() const override {
    return {{"every", chitu::CacheParam::Kind::integer, 2, 100, "steps per computed one"}};
  }
  chitu::CachePlan plan(const chitu::CacheParamReader& params, const chitu::CacheSchedule& schedule,
                        const chitu::CacheModel& model) const override {
    const std::int64_t every = params.integer("every").value_or(2), count = schedule.count();
    const chitu::CacheEdges edges = chitu::edges_of(params, {5, 1}, count);
    auto plan = chitu::compute_all(chitu::Reuse::residual, schedule, model);
    for (std::int64_t step = edges.warmup; step < count - edges.cooldown; ++step)
      if ((step - edges.warmup) % every > 0) plan.steps.at(step).layers = {};
    return plan;
  }
};
CHITU_REGISTER(chitu::Cache, EveryOther, "every_other");

int main() {
  chitu::Engine engine(chitu::compose(
      {.overrides = {"request.flexcache=every_other", "+request.flexcache_params.every=3"}}));
  engine.generate({.prompt = "a white square moving up"}).save("every_other.mp4");
}
