#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::memory {

/// The function of a component in its pipeline. Strategies and keys refer to roles, so that they
/// apply to every component of a role, whatever its name.
enum class Role {
  text_encoder,  ///< encodes the conditioning, once per request
  transformer,   ///< denoises, step by step
  vae,           ///< converts latents to pixels, or back
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

/// One component per role, with the role's name.
std::vector<ComponentRole> one_of_each_role();

}  // namespace chitu::memory
