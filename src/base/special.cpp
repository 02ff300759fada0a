// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/special.hpp"

#include "killswitchd/printable.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

using Carried = SpecialRange::Carried;

constexpr std::array<SpecialRange, 8> kSpecial{{
    {"0.0.0.0/8", "the unspecified address", Carried::never},
    {"127.0.0.0/8", "a loopback address", Carried::never},
    {"224.0.0.0/4", "a multicast address", Carried::to},
    {"255.255.255.255", "the broadcast address", Carried::to},
    {"::", "the unspecified address", Carried::never},
    {"::1", "a loopback address", Carried::never},
    {"::ffff:0:0/96", "an IPv4 address written as IPv6; write the IPv4 address", Carried::never},
    {"ff00::/8", "a multicast address", Carried::to},
}};

template <class Fits>
const SpecialRange* find_special(Fits fits) {
    const auto* const range =
        std::find_if(kSpecial.begin(), kSpecial.end(),
                     [&](const SpecialRange& r) { return fits(*Prefix::parse(r.prefix)); });
    return range == kSpecial.end() ? nullptr : range;
}

}  // namespace

const SpecialRange* special_around(const Prefix& prefix) {
    return find_special([&](const Prefix& range) { return range.contains(prefix); });
}

const SpecialRange* special_touching(const Prefix& prefix) {
    return find_special([&](const Prefix& range) { return overlap(range, prefix); });
}

Result<IpAddress> parse_host(std::string_view text) {
    const auto address = IpAddress::parse(text);
    if (!address) {
        return Error{fmt::format("{} is not an IP address", in_quotes(text))};
    }
    if (const auto* const range = special_around(Prefix::of(*address, address->bits()))) {
        return Error{fmt::format("{} is {}", in_quotes(text), range->noun)};
    }
    return *address;
}

bool overlap(const Prefix& a, const Prefix& b) noexcept {
    return a.contains(b) || b.contains(a);
}

}  // namespace ks
