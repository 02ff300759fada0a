// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.hpp"

#include "killswitchd/net.hpp"
#include "processes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include <unistd.h>

namespace ks {

namespace {

constexpr int kMostAncestors = 64;
constexpr const char* kVariable = "SSH_CONNECTION";

/// This process and those that it was started by, the nearest first.
std::vector<int> lineage() {
    std::vector<int> pids{::getpid()};
    while (pids.size() < kMostAncestors) {
        const auto parent = parent_of(pids.back());
        if (!parent) {
            break;
        }
        pids.push_back(*parent);
    }
    return pids;
}

/// The variable as the process got it; empty when it has none, or it is another user's.
std::string variable_of(int pid) {
    std::ifstream file(fmt::format("/proc/{}/environ", pid));
    for (std::string entry; std::getline(file, entry, '\0');) {
        const std::string_view text = entry;
        if (text.starts_with(kVariable) &&
            text.substr(std::string_view(kVariable).size(), 1) == "=") {
            return entry.substr(std::string_view(kVariable).size() + 1);
        }
    }
    return {};
}

bool is_ssh_server(const std::string& name) {
    return name.starts_with("sshd") || name.starts_with("dropbear");
}

/// The login that a process belongs to; empty where there was none. Source: proc(5), loginuid.
std::string login_of(int pid) {
    constexpr std::string_view kUnset = "4294967295";
    std::ifstream file(fmt::format("/proc/{}/loginuid", pid));
    std::string uid;
    file >> uid;
    return uid == kUnset ? "" : uid;
}

bool same_ends(const OpenSocket& a, const OpenSocket& b) {
    return a.local == b.local && a.remote == b.remote && a.local_port == b.local_port &&
           a.remote_port == b.remote_port;
}

std::optional<OpenSocket> found_in(const std::vector<OpenSocket>& established,
                                   const OpenSocket& wanted) {
    const auto found = std::ranges::find_if(
        established, [&](const OpenSocket& one) { return same_ends(one, wanted); });
    return found == established.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::vector<OpenSocket> connections() {
    std::vector<OpenSocket> all;
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        if (const auto sockets = open_sockets(proto::kTcp, family)) {
            all.insert(all.end(), sockets->begin(), sockets->end());
        }
    }
    std::erase_if(all, [](const OpenSocket& one) { return !one.established; });
    return all;
}

std::optional<OpenSocket> socket_named_by(const std::string& ssh_connection) {
    std::istringstream words(ssh_connection);
    std::string remote;
    std::string local;
    OpenSocket socket;
    words >> remote >> socket.remote_port >> local >> socket.local_port;
    const auto remote_address = IpAddress::parse(remote);
    const auto local_address = IpAddress::parse(local);
    if (!words || !remote_address || !local_address) {
        return std::nullopt;
    }
    socket.remote = *remote_address;
    socket.local = *local_address;
    return socket;
}

std::optional<OpenSocket> remote_session(const std::vector<OpenSocket>& established) {
    const std::vector<int> ancestors = lineage();
    for (const int pid : ancestors) {
        if (const auto named = socket_named_by(variable_of(pid))) {
            if (auto found = found_in(established, *named)) {
                return found;
            }
        }
    }
    for (const int pid : ancestors) {
        if (!is_ssh_server(name_of_process(pid))) {
            continue;
        }
        const auto open = sockets_of(pid);
        const auto found = std::ranges::find_if(
            established, [&](const OpenSocket& one) { return open.contains(one.inode); });
        if (found != established.end()) {
            return *found;
        }
    }
    SocketHolders holders;
    const std::string login = login_of(::getpid());
    std::optional<OpenSocket> of_login;
    for (const OpenSocket& one : established) {
        const auto holder =
            one.inode == 0 || login.empty() ? std::nullopt : holders.holder_of(one.inode);
        if (holder && is_ssh_server(holder->name) && login_of(holder->pid) == login) {
            of_login = one;
        }
    }
    return of_login;
}

}  // namespace ks
