// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema.hpp"
#include "values.hpp"

#include <array>

namespace ks {

namespace {

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

}  // namespace

Key<Policy> log_key() {
    return {"log",
            [](Context& c, const Node& n, Policy&) {
                Nothing nothing;
                read_map(c, n, "log", kLogKeys, nothing);
            },
            [](const Policy&) { return left_out(); }, [] { return names_of(kLogKeys); }};
}

}  // namespace ks
