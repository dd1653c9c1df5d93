#include "tools/chitu/batch/open_jobs.h"

#include <nlohmann/json.hpp>

namespace chitu::tools {

using nlohmann::json;

namespace {

constexpr const char* kKept = "kept by the first rank";

JobWork work_from(bool decodes) {
  return decodes ? JobWork{JobWork::Step::decode, kKept, {}} : JobWork{};
}

}  // namespace

std::string to_text(const std::vector<OpenJob>& jobs) {
  json all = json::array();
  for (const auto& [place, work] : jobs)
    all.push_back({{"place", place}, {"decodes", work.step == JobWork::Step::decode}});
  return all.dump();
}

std::vector<OpenJob> open_jobs_from(const std::string& text) {
  std::vector<OpenJob> jobs;
  for (const json& job : json::parse(text))
    jobs.push_back({job.at("place"), work_from(job.at("decodes"))});
  return jobs;
}

std::string places_text(const std::vector<std::size_t>& places) { return json(places).dump(); }

std::vector<std::size_t> places_from(const std::string& text) { return json::parse(text); }

}  // namespace chitu::tools
