// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/host_name.hpp"

#include "killswitchd/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kMaxLabelBytes = 63;

bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) noexcept {
    return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' &&
           label.back() != '-' && std::ranges::all_of(label, [](char c) {
               return is_letter(c) || is_digit(c) || c == '-' || c == '_';
           });
}

}  // namespace

bool looks_like_host_name(std::string_view text) noexcept {
    return std::ranges::any_of(text, is_letter) && text.find(':') == std::string_view::npos;
}

Result<std::string> parse_host_name(std::string_view text) {
    std::string_view rest = text;
    if (rest.ends_with('.')) {
        rest.remove_suffix(1);
    }
    std::string name(rest);
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (name.size() > kMaxHostNameBytes) {
        return Error{fmt::format("host name {} is longer than {} bytes", in_quotes(text),
                                 kMaxHostNameBytes)};
    }
    std::size_t labels = 0;
    std::string_view last;
    for (;;) {
        const auto dot = rest.find('.');
        last = rest.substr(0, dot);
        if (!is_label(last)) {
            return Error{fmt::format("{} is not a host name", in_quotes(text))};
        }
        ++labels;
        if (dot == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(dot + 1);
    }
    if (std::ranges::all_of(last, is_digit)) {
        return Error{fmt::format("{} is neither an address nor a host name", in_quotes(text))};
    }
    if (labels < 2) {
        return Error{fmt::format(
            "host name {} has no dot, so it means another host in each network", in_quotes(text))};
    }
    return name;
}

std::string NamedEndpoint::str() const {
    return port == 0 ? fmt::format("{}/{}", host, proto::name(protocol))
                     : fmt::format("{}:{}/{}", host, port, proto::name(protocol));
}

}  // namespace ks
