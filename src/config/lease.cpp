// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lease.hpp"

#include "killswitchd/printable.hpp"
#include "values.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

using Lookup = std::function<std::optional<std::uint32_t>(const std::string&)>;

Result<std::uint32_t> account(std::string_view what, const std::string& text,
                              const Lookup& lookup) {
    // The largest number means "no change" to setresuid(2): nobody has it.
    constexpr std::uint32_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
        return parse_decimal(text, kMaxId);
    }
    const auto id = text.empty() || !lookup ? std::nullopt : lookup(text);
    return id ? Result<std::uint32_t>(*id)
              : Error{fmt::format("{} {} is not known here", what, in_quotes(text))};
}

/// Puts what was read where it belongs; an error stays one.
template <class T>
Status put(std::optional<T>& target, Result<T> value) {
    if (target) {
        return Error{"it is given twice"};
    }
    if (!value) {
        return std::move(value).error();
    }
    target = *std::move(value);
    return Done{};
}

Status read_selector(const std::string& key, const std::string& value, const NameLookup& names,
                     Only& only) {
    if (key == "fwmark") {
        return put(only.fwmark, parse_mark(value));
    }
    if (key == "user") {
        return put(only.user, account(key, value, names.uid));
    }
    if (key == "group") {
        return put(only.group, account(key, value, names.gid));
    }
    return key == "cgroup" ? put(only.cgroup, parse_cgroup(value))
                           : Status(Error{"the selectors are fwmark, user, group and cgroup"});
}

Status read_selectors(std::string_view item, const NameLookup& names, Only& only) {
    for (;;) {
        const std::size_t comma = item.find(',');
        const std::string_view one = item.substr(0, comma);
        const std::size_t equals = one.find('=');
        if (equals == std::string_view::npos) {
            return Error{fmt::format("only {}: write KEY=VALUE", in_quotes(std::string(one)))};
        }
        auto read = read_selector(std::string(one.substr(0, equals)),
                                  std::string(one.substr(equals + 1)), names, only);
        if (!read) {
            return std::move(read).error().within(
                fmt::format("only {}", in_quotes(std::string(one))));
        }
        if (comma == std::string_view::npos) {
            return Done{};
        }
        item.remove_prefix(comma + 1);
    }
}

}  // namespace

Result<LeaseWish> parse_lease(const std::vector<std::string>& endpoints,
                              const std::vector<std::string>& only, const NameLookup& names) {
    LeaseWish wish;
    if (endpoints.empty() || endpoints.size() > kMaxLeaseEndpoints) {
        return Error{fmt::format("a lease is of 1 to {} endpoints", kMaxLeaseEndpoints)};
    }
    for (const std::string& text : endpoints) {
        auto endpoint = parse_endpoint(text);
        if (!endpoint) {
            return std::move(endpoint).error();
        }
        const auto* const address = std::get_if<Endpoint>(&*endpoint);
        if (address == nullptr) {
            return Error{
                fmt::format("endpoint {} is a name; a lease is of an address", in_quotes(text))};
        }
        if (std::ranges::find(wish.endpoints, *address) == wish.endpoints.end()) {
            wish.endpoints.push_back(*address);
        }
    }
    for (const std::string& item : only) {
        if (auto read = read_selectors(item, names, wish.only); !read) {
            return std::move(read).error();
        }
    }
    return wish;
}

std::string lease_text(const Only& only) {
    std::vector<std::string> all;
    if (only.fwmark) {
        all.push_back(fmt::format("fwmark=0x{:x}/0x{:x}", only.fwmark->value, only.fwmark->mask));
    }
    if (only.user) {
        all.push_back(fmt::format("user={}", *only.user));
    }
    if (only.group) {
        all.push_back(fmt::format("group={}", *only.group));
    }
    if (only.cgroup) {
        all.push_back(fmt::format("cgroup={}", *only.cgroup));
    }
    return fmt::format("{}", fmt::join(all, ","));
}

}  // namespace ks
