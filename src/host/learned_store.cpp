// SPDX-License-Identifier: GPL-2.0-or-later
#include "learned_store.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <cerrno>
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

namespace ks {

namespace {

constexpr std::size_t kMaxBytes = 1024UL * 1024;
constexpr std::string_view kHeader = "killswitchd learned 1";
constexpr std::string_view kEnd = "end";

std::string path_of(const Paths& paths) {
    return paths.state_dir + "/learned";
}

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;
}

/// A name that would not come back as it is does not go in.
bool fits(std::string_view name) {
    return std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

bool note_line(std::string_view line, LearnedServers& servers) {
    const std::vector<std::string> parts = split(line, '\t');
    constexpr std::size_t kParts = 7;
    if (parts.size() != kParts) {
        return false;
    }
    const auto address = IpAddress::parse(parts[3]);
    const auto protocol = number<std::uint8_t>(parts[4]);
    const auto port = number<std::uint16_t>(parts[5]);
    const auto learned = moment_in(parts[6]);
    if (!address || !protocol || !port || !learned) {
        return false;
    }
    const bool ports = *protocol == proto::kUdp || *protocol == proto::kTcp;
    if (!(ports ? *port != 0 : *protocol == proto::kEsp && *port == 0)) {
        return false;
    }
    servers[parts[0]].push_back({parts[2], {*address, *protocol, *port}, *learned, parts[1]});
    return servers[parts[0]].size() <= kMaxLearnedServers;
}

}  // namespace

std::string learned_text(const LearnedServers& servers) {
    std::string text = fmt::format("{}\n", kHeader);
    for (const auto& [tunnel, known] : servers) {
        for (const LearnedServer& server : known) {
            const Endpoint& endpoint = server.endpoint;
            if (fits(tunnel) && fits(server.interface) && fits(server.peer)) {
                text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", tunnel, server.interface,
                                    server.peer, endpoint.address.str(), endpoint.protocol,
                                    endpoint.port, utc_text(server.learned));
            }
        }
    }
    return fmt::format("{}{}\n", text, kEnd);
}

Result<LearnedServers> parse_learned(std::string_view text) {
    std::vector<std::string> lines = split(text, '\n');
    const bool whole = lines.size() >= 3 && lines.back().empty() &&
                       lines[lines.size() - 2] == kEnd && lines.front() == kHeader;
    LearnedServers servers;
    for (std::size_t i = 1; whole && i + 2 < lines.size(); ++i) {
        if (!note_line(lines[i], servers)) {
            return Error{"is damaged"};
        }
    }
    return whole ? Result(std::move(servers)) : Error{"is damaged"};
}

Result<LearnedServers> load_learned(const Paths& paths) {
    const auto text = read_trusted_file(path_of(paths), kMaxBytes);
    if (!text) {
        return text.error().sys_errno == ENOENT ? Result(LearnedServers{})
                                                : Result<LearnedServers>(text.error());
    }
    auto servers = parse_learned(*text);
    return servers ? std::move(servers)
                   : Error{fmt::format("'{}' {}", path_of(paths), servers.error().what)};
}

Status save_learned(const Paths& paths, const LearnedServers& servers) {
    if (auto made = ensure_directory(paths.state_dir); !made) {
        return made;
    }
    return write_file_atomically(path_of(paths), learned_text(servers));
}

}  // namespace ks
