#include "chitu_core/nn/attention.h"

#include <c10/core/Device.h>
#include <fmt/format.h>

#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"

namespace chitu::nn {
namespace {

using Backends = Registry<AttentionBackend>;

std::string device_name(c10::DeviceType device) { return c10::DeviceTypeName(device, true); }

std::string best_exact(c10::DeviceType device) {
  std::string best;
  int best_rank = 0;
  for (const auto& [name, backend] : Backends::instance().entries()) {
    if (!backend->exact() || !backend->runs_on(device)) continue;
    if (!best.empty() && backend->rank() <= best_rank) continue;
    best = name;
    best_rank = backend->rank();
  }
  if (best.empty())
    throw InputError("infer.attn_type: no exact attention backend runs on " + device_name(device));
  return best;
}

std::string names_with_log_sum_exp(c10::DeviceType device) {
  std::vector<std::string> names;
  for (const auto& [name, backend] : Backends::instance().entries())
    if (backend->gives_log_sum_exp() && backend->runs_on(device)) names.push_back(name);
  return join(names);
}

}  // namespace

Attention::Attention(std::string_view name, c10::DeviceType device,
                     std::shared_ptr<const parallel::AttentionHook> hook)
    : name_(name == "auto" ? best_exact(device) : std::string(name)),
      backend_(Backends::instance().find(name_)),
      hook_(std::move(hook)) {
  if (!backend_)
    throw InputError(fmt::format("infer.attn_type: unknown attention backend {}, {}", name,
                                 expected_one_of(name, attention_names())));
  if (!backend_->runs_on(device))
    throw InputError(
        fmt::format("infer.attn_type: {} does not run on {}", name, device_name(device)));
  if (hook_ && hook_->needs_log_sum_exp() && !backend_->gives_log_sum_exp())
    throw InputError(
        fmt::format("infer.attn_type: {} does not give the log-sum-exp that a ring of ranks needs, "
                    "expected one "
                    "of {}, or infer.diffusion.cp_backend=ulysses or allgather",
                    name, names_with_log_sum_exp(device)));
}

at::Tensor Attention::operator()(at::Tensor q, at::Tensor k, at::Tensor v,
                                 const AttentionOptions& options) const {
  if (!hook_) return backend_->run(q, k, v, options);
  return hook_->consume(std::move(q), std::move(k), std::move(v), options, *backend_);
}

std::string exact_attention(std::string_view name) {
  const AttentionBackend* backend = Backends::instance().find(name);
  return backend && !backend->exact() ? "auto" : std::string(name);
}

std::vector<std::string> attention_names() {
  std::vector<std::string> names = Backends::instance().names();
  names.insert(names.begin(), "auto");
  return names;
}

}  // namespace chitu::nn
