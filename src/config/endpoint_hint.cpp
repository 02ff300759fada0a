// SPDX-License-Identifier: GPL-2.0-or-later
#include "endpoint_hint.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/printable.hpp"
#include "values.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

/// "2001:db8::7:443" as "[2001:db8::7]:443"; what has one colon or brackets as it is.
std::string with_brackets(const std::string& place) {
    const auto last = place.rfind(':');
    return last == place.find(':') || place.front() == '['
               ? place
               : fmt::format("[{}]:{}", place.substr(0, last), place.substr(last + 1));
}

/// What `text` may have been meant as: without a protocol, with one in front as in a URL, or with
/// that of a program.
std::vector<std::string> meanings(const std::string& text) {
    for (const char* const protocol : {"udp", "tcp"}) {
        const std::string scheme = fmt::format("{}://", protocol);
        if (text.starts_with(scheme)) {
            return {fmt::format("{}/{}", with_brackets(text.substr(scheme.size())), protocol)};
        }
    }
    const auto slash = text.rfind('/');
    const std::string place = with_brackets(text.substr(0, slash));
    if (slash == std::string::npos) {
        return {place + "/udp", place + "/tcp"};
    }
    const std::string protocol = text.substr(slash + 1);
    if (protocol == "wireguard" || protocol == "wg") {
        return {place + "/udp"};
    }
    return {fmt::format("{}/{}", place, protocol == "ipsec" ? "esp" : protocol)};
}

}  // namespace

std::string endpoint_hint(std::string_view text) {
    if (text.starts_with('/')) {
        return fmt::format("write - import: {}", printable(text));
    }
    if (text.ends_with(".conf") || text.ends_with(".ovpn")) {
        return fmt::format("write - import: /FOLDER/{}, with the folder that it is in",
                           printable(text));
    }
    std::string choice;
    for (const std::string& meaning :
         text.empty() ? std::vector<std::string>() : meanings(lower_case(text))) {
        if (parse_endpoint(meaning)) {
            // A '[' begins a list in YAML.
            const char* const quote = meaning.front() == '[' ? "\"" : "";
            choice +=
                fmt::format("{}{}{}{}", choice.empty() ? "write " : " or ", quote, meaning, quote);
        }
    }
    if (!choice.empty()) {
        return choice;
    }
    const std::string address(text.substr(0, text.find('/')));
    if (const auto parsed = IpAddress::parse(address); parsed && address.size() < text.size()) {
        return parsed->family == IpFamily::v6
                   ? fmt::format("write \"[{}]:PORT/udp\", with the server's port", address)
                   : fmt::format("write {}:PORT/udp, with the server's port", address);
    }
    return "write ADDRESS:PORT/udp, ADDRESS:PORT/tcp, \"[IPV6]:PORT/udp\" or ADDRESS/esp";
}

}  // namespace ks
