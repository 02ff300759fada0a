// SPDX-License-Identifier: GPL-2.0-or-later
#include "cut.hpp"

#include "../host/processes.hpp"
#include "../host/session.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/evaluate.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/routes.hpp"
#include "known_links.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace ks::cli {

namespace {

constexpr std::size_t kMostConnections = 4096;  ///< That are looked at; each takes a question.

/// A packet in the middle of the connection, as this host sends it.
PacketView outward(const OpenSocket& socket, bool incoming) {
    PacketView packet;
    packet.protocol = proto::kTcp;
    packet.source = socket.local;
    packet.destination = socket.remote;
    packet.source_port = socket.local_port;
    packet.destination_port = socket.remote_port;
    packet.uid = socket.uid;
    packet.ct_established = true;
    packet.ct_reply = incoming;
    return packet;
}

PacketView inward(const OpenSocket& socket, bool incoming) {
    PacketView packet = outward(socket, !incoming);
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    packet.uid.reset();
    return packet;
}

class Foresight {
  public:
    explicit Foresight(const State& after) : state_(after) {
        for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
            if (const auto sockets = open_sockets(proto::kTcp, family)) {
                for (const OpenSocket& one : *sockets) {
                    if (!one.established && one.remote_port == 0) {
                        listening_.insert(one.local_port);
                    }
                }
            }
        }
    }

    /// Nothing where the connection stays, or never leaves this host.
    [[nodiscard]] std::optional<CutConnection> cut(const OpenSocket& socket,
                                                   const Ruleset& rules) const {
        const bool incoming = listening_.contains(socket.local_port);
        PacketView out = outward(socket, incoming);
        RouteQuestion question;
        question.destination = socket.remote;
        question.source = socket.local;
        question.protocol = proto::kTcp;
        question.source_port = socket.local_port;
        question.destination_port = socket.remote_port;
        question.uid = socket.uid;
        const auto route = find_route(question);
        if (!route || route->interface == "lo") {
            return std::nullopt;
        }
        out.out_interface = route->interface;
        out.out_kind = kind_of(state_, out.out_interface);
        const Decision sent = decision_on(rules, out, Direction::out);
        if (!sent.allowed) {
            return CutConnection{socket, incoming, out.out_interface, sent.reason};
        }
        PacketView in = inward(socket, incoming);
        const std::string own = interface_with(state_, socket.local);
        in.in_interface = own.empty() ? route->interface : own;
        in.in_kind = kind_of(state_, in.in_interface);
        const Decision heard = decision_on(rules, in, Direction::in);
        return heard.allowed
                   ? std::nullopt
                   : std::optional(CutConnection{socket, incoming, in.in_interface, heard.reason});
    }

  private:
    const State& state_;
    std::set<std::uint16_t> listening_;
};

/// An exception for the session, as a line of allow.inbound; none where it would not help.
std::vector<std::string> exceptions_for(const State& after, const Foresight& foresight,
                                        const OpenSocket& session) {
    AllowRule exception;
    exception.far = Prefix::of(session.remote, session.remote.bits());
    exception.ports = {{{session.local_port, session.local_port}, proto::kTcp}};
    State changed = after;
    changed.policy.inbound.push_back(exception);
    changed.situation = decide(changed);
    const auto rules = compile(changed.policy, changed.situation);
    if (!rules || foresight.cut(session, *rules)) {
        return {};
    }
    const bool v6 = session.remote.family == IpFamily::v6;
    const char* const quote = v6 ? "\"" : "";
    return {fmt::format("- {{ from: {0}{1}{0}, ports: [{2}/tcp] }}", quote, session.remote.str(),
                        session.local_port)};
}

bool same(const OpenSocket& a, const OpenSocket& b) {
    return a.local == b.local && a.remote == b.remote && a.local_port == b.local_port &&
           a.remote_port == b.remote_port;
}

std::string with_port(const IpAddress& address, std::uint16_t port) {
    return address.family == IpFamily::v4 ? fmt::format("{}:{}", address.str(), port)
                                          : fmt::format("[{}]:{}", address.str(), port);
}

}  // namespace

Cut foresee(const State& after) {
    Cut cut;
    std::vector<OpenSocket> all = connections();
    cut.session = remote_session(all);
    if (!after.wanted) {
        return cut;
    }
    const Foresight foresight(after);
    if (cut.session) {
        std::erase_if(all, [&](const OpenSocket& one) { return same(one, *cut.session); });
        cut.lost = foresight.cut(*cut.session, *after.wanted);
        if (cut.lost) {
            cut.exceptions = exceptions_for(after, foresight, *cut.session);
        }
    }
    all.resize(std::min(all.size(), kMostConnections));
    for (const OpenSocket& one : all) {
        if (auto lost = foresight.cut(one, *after.wanted)) {
            cut.others.push_back(*std::move(lost));
        }
    }
    return cut;
}

std::string describe(const Cut& cut) {
    if (!cut.lost && cut.others.empty()) {
        return {};
    }
    std::string text = "Will be cut when armed:\n";
    if (cut.lost) {
        const std::string whom =
            fmt::format("your SSH session from {} ({})", cut.lost->socket.remote.str(),
                        escaped(cut.lost->interface));
        text += fmt::format("  {:<46} not allowed by the config\n", whom);
    }
    if (!cut.others.empty()) {
        const std::string number =
            fmt::format("{} {}connection{}", cut.others.size(), cut.lost ? "other " : "",
                        cut.others.size() == 1 ? "" : "s");
        text += fmt::format("  {:<46} killswitchd arm --list\n", number);
    }
    for (const std::string& line : cut.exceptions) {
        text += fmt::format("To keep SSH, add under allow.inbound:\n  {}\n", line);
    }
    return text;
}

std::string far_end(const OpenSocket& socket) {
    return with_port(socket.remote, socket.remote_port);
}

std::string list(const Cut& cut) {
    std::vector<CutConnection> all = cut.others;
    if (cut.lost) {
        all.insert(all.begin(), *cut.lost);
    }
    SocketHolders holders;
    std::string text;
    for (const CutConnection& one : all) {
        const OpenSocket& socket = one.socket;
        const auto holder = socket.inode == 0 ? std::nullopt : holders.holder_of(socket.inode);
        const std::string line = fmt::format(
            "  tcp {} {} {}  {}  refused: {}", with_port(socket.local, socket.local_port),
            one.incoming ? "from" : "to", with_port(socket.remote, socket.remote_port),
            holder ? holder->name : std::string("?"), one.reason);
        text += escaped(line) + "\n";
    }
    return text.empty() ? "nothing would be cut\n" : text;
}

}  // namespace ks::cli
