// SPDX-License-Identifier: GPL-2.0-or-later
#include "special.hpp"

#include <algorithm>
#include <array>

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

constexpr std::array<std::string_view, 6> kPrivate{
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"};

bool holds(const Prefix& outer, const Prefix& inner) noexcept {
    return outer.length <= inner.length && outer.contains(inner.address);
}

template <class Fits>
const SpecialRange* find_special(Fits fits) {
    const auto* const range =
        std::find_if(kSpecial.begin(), kSpecial.end(),
                     [&](const SpecialRange& r) { return fits(*Prefix::parse(r.prefix)); });
    return range == kSpecial.end() ? nullptr : range;
}

}  // namespace

const SpecialRange* special_around(const Prefix& prefix) {
    return find_special([&](const Prefix& range) { return holds(range, prefix); });
}

const SpecialRange* special_touching(const Prefix& prefix) {
    return find_special([&](const Prefix& range) { return overlap(range, prefix); });
}

bool overlap(const Prefix& a, const Prefix& b) noexcept {
    return holds(a, b) || holds(b, a);
}

bool is_private(const Prefix& prefix) {
    return std::any_of(kPrivate.begin(), kPrivate.end(), [&](std::string_view range) {
        return holds(*Prefix::parse(range), prefix);
    });
}

}  // namespace ks
