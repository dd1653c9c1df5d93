#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "pipelines/batch/batch_groups.h"
#include "pipelines/model/request_json.h"
#include "tests/flexcache/cached_world.h"

namespace chitu::pipelines {
namespace {

std::string refusal(const std::filesystem::path& model, const PartialRequest& request) {
  try {
    Engine(options_for(model)).complete(request);
  } catch (const InputError& error) {
    return explain(error);
  }
  return "";
}

TEST_CASE("a cache that does not suit the model or the steps is refused before any work",
          "[flexcache]") {
  const auto wan = fixtures() / "wan-unipc";
  const auto qwen = std::filesystem::path(CHITU_TEST_DATA) / "qwen_image" / "model";
  CHECK_THAT(refusal(wan, cached_request("teecache")),
             Catch::ContainsSubstring("request.flexcache=teecache: unknown cache") &&
                 Catch::ContainsSubstring("did you mean teacache"));
  CHECK_THAT(refusal(wan, cached_request("magcache")),
             Catch::ContainsSubstring("expected request.flexcache_params.ratios"));
  CHECK_THAT(refusal(wan, cached_request("taylorseer", {{"warmup", 12.0}})),
             Catch::ContainsSubstring("expected less than the 12 steps"));
  auto picture = cached_request("teacache");
  picture.num_frames = 1;
  CHECK_THAT(refusal(qwen, picture), Catch::ContainsSubstring("request.flexcache=teacache"));
  picture.flexcache = "pab";
  CHECK_THAT(refusal(qwen, picture), Catch::ContainsSubstring("request.flexcache=pab"));
}

TEST_CASE("parameters without a cache are refused", "[flexcache]") {
  auto request = cached_request("");
  request.flexcache_params = cache::Params{{"order", 1.0}};
  CHECK(refusal(fixtures() / "wan-unipc", request) ==
        "request.flexcache_params.order: expected none, since request.flexcache is null");
}

TEST_CASE("a request's cache goes to JSON and back", "[flexcache]") {
  Request request;
  request.flexcache = "teacache";
  request.flexcache_params = cache::Params{
      {"retention", true}, {"threshold", 0.25}, {"coefficients", std::vector<double>{1, 2.5}}};
  CHECK(request_from_json(to_json(request)) == request);
  request.flexcache_params.reset();
  CHECK(request_from_json(to_json(request)) == request);
  auto json = to_json(request);
  json["flexcache_params"] = {{"threshold", "much"}};
  CHECK_THROWS_AS(request_from_json(json), InputError);
}

TEST_CASE("requests go together with the same cache, unless it decides at run time",
          "[flexcache]") {
  Request request;
  request.flexcache = "taylorseer";
  Request other = request;
  CHECK(are_alike(request, other));
  other.flexcache_params = cache::Params{{"order", 2.0}};
  CHECK_FALSE(are_alike(request, other));
  request.flexcache = "firstblock";
  CHECK_FALSE(are_alike(request, request));
}

}  // namespace
}  // namespace chitu::pipelines
