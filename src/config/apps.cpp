// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"
#include "schema.hpp"

#include <array>
#include <cstddef>

namespace ks {

namespace {

constexpr std::size_t kMaxApps = 64;

constexpr std::array<Key<Apps>, 3> kAppKeys{{
    {"users",
     [](Context& c, const Node& n, Apps& apps) {
         apps.users = read_list(c, n, "apps.users", Empty::allowed, kMaxApps, read_user);
     }},
    {"groups",
     [](Context& c, const Node& n, Apps& apps) {
         apps.groups = read_list(c, n, "apps.groups", Empty::allowed, kMaxApps, read_group);
     }},
    {"cgroups",
     [](Context& c, const Node& n, Apps& apps) {
         apps.cgroups = read_list(c, n, "apps.cgroups", Empty::allowed, kMaxApps, read_cgroup);
     }},
}};

}  // namespace

void read_apps(Context& context, const Node& node, Policy& policy) {
    read_map(context, node, "apps", kAppKeys, policy.apps);
}

}  // namespace ks
