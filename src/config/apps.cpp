// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"
#include "schema.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ks {

namespace {

constexpr std::size_t kMaxApps = 64;

constexpr std::array<Key<Apps>, 3> kAppKeys{{
    {"users",
     [](Context& c, const Node& n, Apps& apps) {
         apps.users = read_list(c, n, "apps.users", Empty::allowed, kMaxApps, read_user);
     },
     [](const Apps& apps) {
         return write_list(apps.users, [](std::uint32_t id) { return write_number(id); });
     }},
    {"groups",
     [](Context& c, const Node& n, Apps& apps) {
         apps.groups = read_list(c, n, "apps.groups", Empty::allowed, kMaxApps, read_group);
     },
     [](const Apps& apps) {
         return write_list(apps.groups, [](std::uint32_t id) { return write_number(id); });
     }},
    {"cgroups",
     [](Context& c, const Node& n, Apps& apps) {
         apps.cgroups = read_list(c, n, "apps.cgroups", Empty::allowed, kMaxApps, read_cgroup);
     },
     [](const Apps& apps) { return write_texts(apps.cgroups); }},
}};

}  // namespace

Key<Policy> apps_key() {
    return {"apps",
            [](Context& c, const Node& n, Policy& p) { read_map(c, n, "apps", kAppKeys, p.apps); },
            [](const Policy& p) { return write_map(kAppKeys, p.apps); },
            [] { return names_of(kAppKeys); }};
}

}  // namespace ks
