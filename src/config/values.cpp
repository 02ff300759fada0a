// SPDX-License-Identifier: GPL-2.0-or-later
#include "values.hpp"

#include "killswitchd/printable.hpp"
#include "killswitchd/special.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include <climits>
#include <fmt/format.h>

#include <net/if.h>

namespace ks {

namespace {

constexpr std::size_t kMaxCgroupBytes = 255;
constexpr std::size_t kMaxLabelBytes = 64;  ///< A comment of a rule has room for 127.
constexpr std::uint32_t kMaxRate = 1'000'000;
constexpr std::string_view kDigits = "0123456789";

bool is_all_of(std::string_view text, std::string_view alphabet) {
    return !text.empty() && text.find_first_not_of(alphabet) == std::string_view::npos;
}

/// Source: nft's scanner (nftables 1.0.6): a string ends at the next '"', and nothing escapes one.
/// Backslashes are carried as they are; systemd writes them into the names of cgroups.
bool fits_in_rules(std::string_view text) {
    return printable(text) == text && text.find_first_of("\t\"") == std::string_view::npos;
}

template <class... Parts>
Error refuse(fmt::format_string<Parts...> format, Parts&&... parts) {
    return Error{fmt::format(format, std::forward<Parts>(parts)...)};
}

Result<std::uint32_t> parse_mark_number(std::string_view text) {
    const bool hexadecimal = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
    if (!hexadecimal) {
        return parse_decimal(text, std::numeric_limits<std::uint32_t>::max());
    }
    const std::string_view digits = text.substr(2);
    std::uint32_t value = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, ec] = std::from_chars(digits.data(), last, value, 16);
    if (ec != std::errc{} || end != last) {
        return refuse("{} is not a hexadecimal number of at most 32 bits", in_quotes(text));
    }
    return value;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    const auto number = parse_decimal(text, 65535);
    if (!number || *number == 0) {
        const bool octal = text.size() > 1 && text.front() == '0' && is_all_of(text, kDigits);
        return refuse("port {} {}", in_quotes(text),
                      octal ? "has a leading zero" : "is not in 1..65535");
    }
    return static_cast<std::uint16_t>(*number);
}

struct HostAndPort {
    std::string_view host;
    std::string_view port;
};

/// Splits at the last colon, or behind the brackets.
Result<HostAndPort> split_port(std::string_view text) {
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) {
            return refuse("endpoint {} has no ']'", in_quotes(text));
        }
        if (text.substr(close + 1, 1) != ":") {
            return refuse("endpoint {} has no port behind the address", in_quotes(text));
        }
        return HostAndPort{text.substr(1, close - 1), text.substr(close + 2)};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return refuse("endpoint {} has no port", in_quotes(text));
    }
    if (text.find(':') != colon) {
        return refuse("endpoint {}: an IPv6 address needs brackets before its port",
                      in_quotes(text));
    }
    return HostAndPort{text.substr(0, colon), text.substr(colon + 1)};
}

using Host = std::variant<IpAddress, std::string>;
using Server = std::variant<Endpoint, NamedEndpoint>;

Result<Host> parse_address_or_name(std::string_view text) {
    if (looks_like_host_name(text)) {
        auto name = parse_host_name(text);
        return name ? Host{*std::move(name)} : Result<Host>(std::move(name).error());
    }
    const auto address = parse_host(text);
    return address ? Host{*address} : Result<Host>(address.error());
}

Server server_at(const Host& host, std::uint8_t protocol, std::uint16_t port) {
    if (const auto* const address = std::get_if<IpAddress>(&host)) {
        return Endpoint{*address, protocol, port};
    }
    return NamedEndpoint{std::get<std::string>(host), protocol, port};
}

Result<Prefix> parse_prefix(std::string_view text) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) {
        return refuse("{} is not an address prefix, or has bits set behind it", in_quotes(text));
    }
    return *prefix;
}

Result<Server> parse_esp_endpoint(std::string_view text) {
    const bool has_port = !IpAddress::parse(text) && text.rfind(':') != std::string_view::npos;
    if (has_port && split_port(text)) {
        return refuse("endpoint {} has a port, but esp has none", in_quotes(text));
    }
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    const auto host = parse_address_or_name(bracketed ? text.substr(1, text.size() - 2) : text);
    if (!host) {
        return host.error();
    }
    return server_at(*host, proto::kEsp, 0);
}

}  // namespace

Result<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t most) {
    if (!is_all_of(text, kDigits)) {
        return refuse("{} is not a decimal number", in_quotes(text));
    }
    if (text.size() > 1 && text.front() == '0') {
        return refuse("{} has a leading zero, which some programs read as octal", in_quotes(text));
    }
    std::uint32_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || value > most) {
        return refuse("{} is larger than {}", in_quotes(text), most);
    }
    return value;
}

Result<MarkMatch> parse_mark(std::string_view text) {
    const auto slash = text.find('/');
    const auto value = parse_mark_number(text.substr(0, slash));
    if (!value) {
        return value.error();
    }
    if (slash == std::string_view::npos) {
        return *value == 0 ? Result<MarkMatch>(refuse("{} is what unmarked packets carry", "'0'"))
                           : MarkMatch{*value, 0xffffffff};
    }
    const auto mask = parse_mark_number(text.substr(slash + 1));
    if (!mask) {
        return mask.error();
    }
    if (*value == 0 || *mask == 0) {
        return refuse("{}: value and mask must not be 0, which unmarked packets match",
                      in_quotes(text));
    }
    if ((*value & ~*mask) != 0) {
        return refuse("{} can never match: the value has bits outside the mask", in_quotes(text));
    }
    return MarkMatch{*value, *mask};
}

Result<std::string> parse_interface(std::string_view text) {
    const bool pattern = !text.empty() && text.back() == '*';
    const std::string_view stem = pattern ? text.substr(0, text.size() - 1) : text;
    if (stem.empty()) {
        return pattern ? refuse("interface '*' would match every interface")
                       : refuse("interface name is empty");
    }
    if (text.size() > IFNAMSIZ - 1) {
        return refuse("interface name {} is longer than {} bytes", in_quotes(text), IFNAMSIZ - 1);
    }
    if (stem.find('*') != std::string_view::npos) {
        return refuse("interface {}: a '*' may only stand at the end", in_quotes(text));
    }
    const bool printable_only =
        std::all_of(stem.begin(), stem.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!printable_only || stem.find_first_of("/:\"'`\\") != std::string_view::npos) {
        return refuse("interface name {} has a character that is not allowed", in_quotes(text));
    }
    if (text == "." || text == "..") {
        return refuse("interface name {} is not allowed by Linux", in_quotes(text));
    }
    if (text == "lo" || text == "lo*" || text == "l*") {
        return refuse("interface {} is the loopback interface, which is always free",
                      in_quotes(text));
    }
    return std::string(text);
}

Result<std::string> parse_cgroup(std::string_view text) {
    if (text.size() > kMaxCgroupBytes) {
        return refuse("cgroup {} is longer than {} bytes", in_quotes(text), kMaxCgroupBytes);
    }
    if (!text.empty() && text.front() == '/') {
        return refuse("cgroup {} begins with '/'; write it without the leading slash",
                      in_quotes(text));
    }
    if (!fits_in_rules(text)) {
        return refuse("cgroup {} has a '\"' or a control character, which no rule can carry",
                      in_quotes(text));
    }
    for (std::string_view rest = text;;) {
        const auto slash = rest.find('/');
        const std::string_view component = rest.substr(0, slash);
        if (component.empty() || component == "." || component == "..") {
            return refuse("cgroup {} has {}", in_quotes(text),
                          component.empty() ? "an empty component" : "'.' or '..' in it");
        }
        if (slash == std::string_view::npos) {
            return std::string(text);
        }
        rest.remove_prefix(slash + 1);
    }
}

Result<std::string> parse_label(std::string_view text) {
    if (text.empty() || text.size() > kMaxLabelBytes) {
        return refuse("name {} is not 1 to {} bytes long", in_quotes(text), kMaxLabelBytes);
    }
    if (!fits_in_rules(text)) {
        return refuse("name {} has a '\"' or a control character, which no rule can carry",
                      in_quotes(text));
    }
    if (text.front() == ' ' || text.back() == ' ') {
        return refuse("name {} begins or ends with a space", in_quotes(text));
    }
    return std::string(text);
}

Result<Prefix> parse_network(std::string_view text) {
    const auto prefix = parse_prefix(text);
    if (!prefix) {
        return prefix.error();
    }
    if (prefix->length == 0) {
        return refuse("{} is every address, not a local network", in_quotes(text));
    }
    if (const auto* const range = special_touching(*prefix)) {
        return refuse("{} covers {}", in_quotes(text), range->noun);
    }
    return *prefix;
}

Result<Prefix> parse_destination(std::string_view text) {
    const auto prefix = parse_prefix(text);
    const auto* const range = prefix ? special_around(*prefix) : nullptr;
    return range && range->carried == SpecialRange::Carried::never
               ? refuse("{} is {}", in_quotes(text), range->noun)
               : prefix;
}

Result<Prefix> parse_source(std::string_view text) {
    const auto prefix = parse_prefix(text);
    const auto* const range = prefix ? special_around(*prefix) : nullptr;
    return range ? refuse("{} is {}", in_quotes(text), range->noun) : prefix;
}

Result<std::string> parse_path(std::string_view text) {
    if (!text.starts_with('/')) {
        return refuse("{} is not a whole path", in_quotes(text));
    }
    if (text.ends_with('/') || text.size() >= PATH_MAX) {
        return refuse("{} is not the path of a file", in_quotes(text));
    }
    if (printable(text) != text) {
        return refuse("{} has a control character", in_quotes(text));
    }
    return std::string(text);
}

Result<std::variant<Endpoint, NamedEndpoint>> parse_endpoint(std::string_view text) {
    const bool is_path = text.starts_with('/') && text.rfind('/') > 0;
    if (is_path || text.ends_with(".conf") || text.ends_with(".ovpn")) {
        return refuse("endpoint {} is a file, not a server", in_quotes(text));
    }
    const auto slash = text.rfind('/');
    if (slash != std::string_view::npos && is_all_of(text.substr(slash + 1), kDigits) &&
        IpAddress::parse(text.substr(0, slash))) {
        return refuse("endpoint {} is a network, not a server", in_quotes(text));
    }
    if (slash == std::string_view::npos) {
        return refuse("endpoint {} has no protocol", in_quotes(text));
    }
    const std::string_view protocol = text.substr(slash + 1);
    if (protocol == "esp") {
        return parse_esp_endpoint(text.substr(0, slash));
    }
    if (protocol != "udp" && protocol != "tcp") {
        return refuse("endpoint protocol {} is not udp, tcp or esp", in_quotes(protocol));
    }
    const auto parts = split_port(text.substr(0, slash));
    if (!parts) {
        return parts.error();
    }
    const auto port = parse_port(parts->port);
    if (!port) {
        return port.error();
    }
    const auto host = parse_address_or_name(parts->host);
    if (!host) {
        return host.error();
    }
    const auto* const address = std::get_if<IpAddress>(&*host);
    const bool needs_brackets = address != nullptr && address->family == IpFamily::v6;
    if (text.front() == '[' && !needs_brackets) {
        return refuse("endpoint {}: {} has no brackets", in_quotes(text),
                      address != nullptr ? "an IPv4 address" : "a host name");
    }
    return server_at(*host, protocol == "udp" ? proto::kUdp : proto::kTcp, *port);
}

Result<PortSpec> parse_ports(std::string_view text) {
    const auto slash = text.find('/');
    const std::string_view protocol =
        slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
        return refuse("{} does not end in /tcp or /udp", in_quotes(text));
    }
    const std::string_view range = text.substr(0, slash);
    const auto dash = range.find('-');
    const auto first = parse_port(range.substr(0, dash));
    if (!first) {
        return first.error();
    }
    const auto last = dash == std::string_view::npos ? first : parse_port(range.substr(dash + 1));
    if (!last) {
        return last.error();
    }
    if (*last < *first) {
        return refuse("{}: the range ends before it begins", in_quotes(text));
    }
    return PortSpec{{*first, *last}, protocol == "udp" ? proto::kUdp : proto::kTcp};
}

Result<Rate> parse_rate(std::string_view text) {
    using Per = Rate::Per;
    static const std::map<std::string_view, Per> kUnits{
        {"second", Per::second}, {"minute", Per::minute}, {"hour", Per::hour}, {"day", Per::day}};
    const auto slash = text.find('/');
    const std::string_view unit =
        slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    const auto per = kUnits.find(unit);
    if (per == kUnits.end()) {
        return refuse("{} does not end in /second, /minute, /hour or /day", in_quotes(text));
    }
    const auto number = parse_decimal(text.substr(0, slash), kMaxRate);
    if (!number || *number == 0) {
        return refuse("{} does not begin with a number in 1..{}", in_quotes(text), kMaxRate);
    }
    return Rate{*number, per->second};
}

}  // namespace ks
