// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/special.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <array>
#include <cstddef>

namespace ks {

namespace {

constexpr std::size_t kMaxBootstrapServers = 16;

/// Nothing of these sections reaches the policy.
struct Nothing {};

constexpr std::array<Key<Nothing>, 2> kLogKeys{{
    {"blocked",
     [](Context& c, const Node& n, Nothing&) {
         if (read_flag(c, n, "log.blocked").value_or(false)) {
             refuse_unsupported(c, n, "log.blocked: true");
         }
     },
     [](const Nothing&) { return left_out(); }},
    {"rate",
     [](Context& c, const Node& n, Nothing&) {
         read_value(c, n, "log.rate", parse_rate, "write a rate such as 10/second");
     },
     [](const Nothing&) { return left_out(); }},
}};

void read_bootstrap(Context& context, const Node& node, Policy&) {
    static_cast<void>(read_list(context, node, "dns.bootstrap", Empty::allowed,
                                kMaxBootstrapServers, [](Context& c, const Node& item) {
                                    return read_value(c, item, "a DNS server", parse_host,
                                                      "write an address such as 9.9.9.9");
                                }));
    if (node.kind == Node::Kind::list && !node.items.empty()) {
        refuse_unsupported(context, node, "dns.bootstrap");
    }
}

}  // namespace

Key<Policy> log_key() {
    return {"log",
            [](Context& c, const Node& n, Policy&) {
                Nothing nothing;
                read_map(c, n, "log", kLogKeys, nothing);
            },
            [](const Policy&) { return left_out(); }, [] { return names_of(kLogKeys); }};
}

Key<Policy> bootstrap_key() {
    return {"bootstrap", read_bootstrap, [](const Policy&) { return left_out(); }};
}

}  // namespace ks
