// SPDX-License-Identifier: GPL-2.0-or-later
#include "notes.hpp"

#include "killswitchd/host_name.hpp"
#include "killswitchd/printable.hpp"
#include "killswitchd/special.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::size_t kMaxFindings = 50;
/// Longer lines are not repeated below a message: nobody could find the caret.
constexpr std::size_t kMaxSourceBytes = 200;

std::optional<std::uint32_t> number_in(std::string_view text, int base) {
    std::uint32_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, ec] = std::from_chars(text.data(), last, number, base);
    return ec == std::errc{} && end == last ? std::optional(number) : std::nullopt;
}

/// The endpoints to write instead of a name.
std::string written_out(const std::vector<Speech>& speech) {
    std::vector<std::string> all;
    for (const Speech& one : speech) {
        all.push_back(one.port == 0
                          ? fmt::format("ADDRESS/{}", proto::name(one.protocol))
                          : fmt::format("ADDRESS:{}/{}", one.port, proto::name(one.protocol)));
    }
    return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

std::vector<Speech> ipsec_speech() {
    return {{proto::kUdp, 500}, {proto::kUdp, 4500}, {proto::kEsp, 0}};
}

HostAndPort split_port(const Piece& text) {
    const auto close = text.text.find(']');
    if (text.text.starts_with('[') && close != std::string_view::npos) {
        const Piece rest = text.part(close + 1);
        return {text.part(1, close - 1),
                rest.text.starts_with(':') ? std::optional(rest.part(1)) : std::nullopt};
    }
    const auto colon = text.text.rfind(':');
    if (colon == std::string_view::npos || text.text.find(':') != colon) {
        return {text, std::nullopt};
    }
    return {text.part(0, colon), text.part(colon + 1)};
}

void Notes::error(const Piece& at, std::string message, std::string hint) {
    add(Diagnostic::Severity::error, at, std::move(message), std::move(hint));
}

void Notes::warning(const Piece& at, std::string message, std::string hint) {
    add(Diagnostic::Severity::warning, at, std::move(message), std::move(hint));
}

void Notes::fault(const Piece& at, std::string message) {
    add(Diagnostic::Severity::error, at, std::move(message), {});
    file.findings.back().source.clear();
}

void Notes::server(const Piece& host, const std::vector<Speech>& speech) {
    server(host, host.text, speech);
}

void Notes::server(const Piece& at, std::string_view host, const std::vector<Speech>& speech) {
    if (looks_like_host_name(host)) {
        return name(at, host, speech);
    }
    const auto address = parse_host(host);
    if (!address) {
        error(at, address.error().what);
        return;
    }
    for (const Speech& one : speech) {
        const Endpoint endpoint{*address, one.protocol, one.port};
        if (known_.size() == kMaxVpnServers && !known_.contains(endpoint)) {
            error(at, fmt::format("more than {} servers in one file", kMaxVpnServers));
            return;
        }
        if (known_.insert(endpoint).second) {
            file.servers.push_back({endpoint, at.line});
        }
    }
}

void Notes::name(const Piece& at, std::string_view host, const std::vector<Speech>& speech) {
    const auto known = parse_host_name(host);
    const std::string hint =
        fmt::format("add its address to the tunnel's 'endpoints': {}", written_out(speech));
    if (!known) {
        warning(at, fmt::format("{}; it is not looked up", known.error().what), hint);
        return;
    }
    const Diagnostic unknown =
        finding(Diagnostic::Severity::warning, at,
                fmt::format("{} is a name: this server cannot be reached while traffic is blocked",
                            in_quotes(host)),
                fmt::format("have it looked up, dns: {{ bootstrap: [9.9.9.9] }}, or {}", hint));
    for (const Speech& one : speech) {
        const NamedEndpoint endpoint{*known, one.protocol, one.port};
        if (names_.size() == kMaxVpnServers && !names_.contains(endpoint)) {
            error(at, fmt::format("more than {} servers in one file", kMaxVpnServers));
            return;
        }
        if (names_.insert(endpoint).second) {
            file.names.push_back({endpoint, unknown});
        }
    }
}

std::optional<std::uint16_t> Notes::port(const Piece& at, std::string_view text) {
    const auto number = number_in(text, 10);
    if (!number || *number == 0 || *number > 65535) {
        error(at, fmt::format("port {} is not in 1..65535", in_quotes(text)));
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*number);
}

std::optional<std::uint32_t> Notes::mark(const Piece& at, std::string_view text) {
    if (lower_case(text) == "off") {
        return std::nullopt;
    }
    const bool hexadecimal = lower_case(text.substr(0, 2)) == "0x";
    const auto number = hexadecimal ? number_in(text.substr(2), 16) : number_in(text, 10);
    if (!number) {
        error(at,
              fmt::format("{} is no mark, which is a number of at most 32 bits", in_quotes(text)));
    }
    return number == 0U ? std::nullopt : number;
}

void Notes::add(Diagnostic::Severity severity, const Piece& at, std::string message,
                std::string hint) {
    const bool serious = severity == Diagnostic::Severity::error;
    if (file.findings.size() >= kMaxFindings) {
        if (!serious || file.broken()) {
            return;
        }
        file.findings.pop_back();  // One error decides, and must not be lost.
    }
    file.findings.push_back(finding(severity, at, std::move(message), std::move(hint)));
}

Diagnostic Notes::finding(Diagnostic::Severity severity, const Piece& at, std::string message,
                          std::string hint) const {
    const std::string_view line = at.line == 0 ? std::string_view() : lines_[at.line - 1].text;
    return {severity,
            path_,
            at.line,
            at.column,
            std::move(message),
            std::move(hint),
            line.size() > kMaxSourceBytes ? std::string() : printable(line)};
}

VpnFile Notes::take() && {
    if (file.broken()) {
        file.servers.clear();
        file.names.clear();
        file.mark.reset();
    }
    std::ranges::stable_sort(file.servers, {}, &VpnFile::Server::line);
    std::ranges::stable_sort(file.names, {},
                             [](const VpnFile::NamedServer& name) { return name.unknown.line; });
    std::ranges::stable_sort(file.findings, {}, &Diagnostic::line);
    return std::move(file);
}

}  // namespace ks
