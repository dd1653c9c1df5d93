#include "tools/chitu/regress/case_group.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/failure.h"
#include "chitu_core/parallel/texts.h"
#include "pipelines/settings/settings.h"

namespace chitu::tools {
namespace {

constexpr const char *kRun = "run", *kTime = "time", *kEnd = "end";

pipelines::Settings settings_of(const RegressCase& regress_case) {
  return config::read<pipelines::Settings>(regress_case.composition.view());
}

}  // namespace

void CaseGroup::tell(const char* what, std::size_t number) {
  if (!ranks_) return;
  const nlohmann::json command{{"what", what}, {"number", number}};
  parallel::broadcast_text(*ranks_->groups()->world, command.dump(), 0);
}

void CaseGroup::together(const std::function<void()>& work) {
  if (!ranks_) return work();
  if (const auto failure = ranks_->attempt(work)) parallel::raise(*failure);
}

CaseOutcome CaseGroup::run(std::size_t index) {
  tell(kRun, index);
  CaseOutcome outcome;
  together([&] { outcome = runner_.run(cases_[index]); });
  return outcome;
}

double CaseGroup::seconds(std::size_t index) {
  tell(kTime, index);
  double seconds = 0;
  together([&] { seconds = runner_.seconds(cases_[index]); });
  return seconds;
}

void CaseGroup::end(int code) { tell(kEnd, static_cast<std::size_t>(code)); }

int CaseGroup::follow() {
  while (true) {
    const auto command =
        nlohmann::json::parse(parallel::broadcast_text(*ranks_->groups()->world, "", 0));
    const std::string what = command.at("what");
    const std::size_t number = command.at("number");
    if (what == kEnd) return static_cast<int>(number);
    // The first rank reports what fails.
    ranks_->attempt([&] {
      if (what == kRun)
        runner_.run(cases_[number]);
      else
        runner_.seconds(cases_[number]);
    });
  }
}

std::unique_ptr<parallel::Ranks> join_for(const std::vector<RegressCase>& cases) {
  for (const RegressCase& regress_case : cases) try {
      check_launch(settings_of(regress_case));
    } catch (const InputError& error) {
      throw InputError(regress_case.about(error.what()));
    }
  if (cases.empty()) return nullptr;
  pipelines::Settings first = settings_of(cases.front());
  return join_ranks(first);
}

}  // namespace chitu::tools
