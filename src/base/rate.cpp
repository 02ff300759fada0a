// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/rate.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

std::string_view word(Rate::Per per) {
    switch (per) {
    case Rate::Per::second:
        return "second";
    case Rate::Per::minute:
        return "minute";
    case Rate::Per::hour:
        return "hour";
    case Rate::Per::day:
        return "day";
    }
    return "second";
}

}  // namespace

std::string Rate::str() const {
    return fmt::format("{}/{}", number, word(per));
}

}  // namespace ks
