// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/policy.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <array>

namespace ks {

namespace {

constexpr std::array<Key<Log>, 2> kLogKeys{{
    {"blocked",
     [](Context& c, const Node& n, Log& log) { set_flag(c, n, "log.blocked", log.blocked); },
     [](const Log& log) { return write_flag(log.blocked); }},
    {"rate",
     [](Context& c, const Node& n, Log& log) {
         log.rate = read_value(c, n, "log.rate", parse_rate, "write a rate such as 10/second")
                        .value_or(log.rate);
     },
     [](const Log& log) { return write_plain(log.rate.str()); }},
}};

}  // namespace

Key<Policy> log_key() {
    return {"log",
            [](Context& c, const Node& n, Policy& p) { read_map(c, n, "log", kLogKeys, p.log); },
            [](const Policy& p) { return write_map(kLogKeys, p.log); },
            [] { return names_of(kLogKeys); }};
}

}  // namespace ks
