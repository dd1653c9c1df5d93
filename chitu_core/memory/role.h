#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::memory {

/// What a component does in its pipeline. Strategies and keys speak of roles, so that they hold for
/// every component that has the role, whatever it is called.
enum class Role {
  text_encoder,  ///< makes what conditions the denoising, once per request
  transformer,   ///< denoises, step by step
  vae,           ///< goes from pixels to latents, or back
};

/// Their names, which are also the keys of the group memory.
constexpr auto config_names(Role) {
  return std::array{std::pair{"text_encoder", Role::text_encoder},
                    std::pair{"transformer", Role::transformer}, std::pair{"vae", Role::vae}};
}
constexpr std::size_t kRoles = config_names(Role()).size();

std::string_view to_string(Role role);

/// A component as its family describes it.
struct ComponentRole {
  std::string name;
  Role role;
  bool operator==(const ComponentRole&) const = default;
};

/// One component of each role, called like it.
std::vector<ComponentRole> one_of_each_role();

}  // namespace chitu::memory
