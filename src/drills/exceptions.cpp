// SPDX-License-Identifier: GPL-2.0-or-later
#include "exceptions.hpp"

#include "allowance.hpp"
#include "expectation.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/knock.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/probe.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "stage.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::drills {

namespace {

using lab::Packet;
using lab::Probe;
using lab::Via;

/// Nobody's user and group, who have no exception but that of everybody.
constexpr std::uint32_t kStranger = 65'533;
constexpr std::uint16_t kWebPort = 443;
constexpr std::uint16_t kAnyPort = 4433;
constexpr std::size_t kMostPorts = 8;

/// An address in `prefix` that the lab's internet answers for.
IpAddress sample(const std::optional<Prefix>& prefix) {
    const bool v6 = prefix && prefix->address.family == IpFamily::v6;
    const IpAddress usual = lab::ip(v6 ? lab::addr::kInternet6 : lab::addr::kInternet);
    if (!prefix || prefix->contains(usual)) {
        return usual;
    }
    IpAddress first = prefix->address;
    if (prefix->length + 1 < first.bits()) {
        first.bytes.at(first.size() - 1) |= 1;
    }
    return first;
}

std::uint16_t beside(std::uint16_t port) {
    return port < 65'535 ? static_cast<std::uint16_t>(port + 1) : std::uint16_t{65'534};
}

Probe probe_to(const IpAddress& to, std::uint8_t protocol, std::uint16_t port,
               const lab::Sender& sender) {
    const Packet packet = protocol == proto::kTcp   ? Packet::tcp
                          : protocol == proto::kUdp ? Packet::udp
                                                    : Packet::icmp;
    Probe probe{fmt::format("{} {}", proto::name(protocol), to.str()),
                packet,
                lab::Aim::world,
                Via::uplink,
                to,
                port};
    probe.sender = sender;
    return probe;
}

/// What a probe looks like outside, as far as a config can tell.
lab::FrameInfo frame_of(const Probe& probe) {
    lab::FrameInfo frame;
    const bool v6 = probe.to.family == IpFamily::v6;
    frame.ethertype = v6 ? lab::kEtherIpv6 : lab::kEtherIpv4;
    const bool icmp = probe.packet == Packet::icmp;
    const bool tcp = probe.packet == Packet::tcp || probe.packet == Packet::dns_tcp;
    frame.protocol = icmp ? (v6 ? proto::kIcmpv6 : proto::kIcmp) : tcp ? proto::kTcp : proto::kUdp;
    frame.destination = probe.to;
    frame.source = lab::ip(v6 ? lab::addr::kHost6[0] : lab::addr::kHost[0]);
    frame.destination_port = probe.port;
    frame.tcp_flags = tcp ? 0x02 : 0;
    return frame;
}

/// The exceptions of one stage.
class Exceptions {
  public:
    Exceptions(Stage& stage, const Policy& policy)
        : stage_(stage), policy_(policy), all_(allowances(policy)) {}

    void fire_all() {
        for (std::size_t number = 0; number < all_.size(); ++number) {
            const std::vector<Probe> some = probes_for(all_[number]);
            if (!some.empty()) {
                stage_.probe_with(some, number);
            }
        }
        stage_.probe_with(near_misses());
    }

    void knock_all() {
        for (std::size_t number = 0; number < all_.size(); ++number) {
            knock_at(all_[number], number);
        }
    }

  private:
    [[nodiscard]] std::vector<Probe> probes_for(const Allowance& allowance) const {
        switch (allowance.kind) {
        case Allowance::Kind::lan:
            return local_probes();
        case Allowance::Kind::outbound:
            return probes_of(policy_.outbound[allowance.number]);
        case Allowance::Kind::apps:
            return {probe_to(lab::ip(lab::addr::kInternet), proto::kUdp, kWebPort, {}),
                    probe_to(lab::ip(lab::addr::kInternet), proto::kTcp, kWebPort, {})};
        case Allowance::Kind::inbound:
            break;
        }
        return {};
    }

    [[nodiscard]] static std::vector<Probe> probes_of(const AllowRule& exception) {
        const IpAddress to = sample(exception.far);
        const lab::Sender sender{exception.user, exception.group};
        std::vector<Probe> probes;
        for (const PortSpec& spec : exception.ports) {
            if (probes.size() < kMostPorts) {
                probes.push_back(probe_to(to, spec.protocol, spec.ports.first, sender));
            }
        }
        if (probes.empty()) {
            const bool v6 = to.family == IpFamily::v6;
            probes = {probe_to(to, proto::kTcp, kWebPort, sender),
                      probe_to(to, proto::kUdp, kWebPort, sender),
                      probe_to(to, v6 ? proto::kIcmpv6 : proto::kIcmp, 0, sender)};
        }
        return probes;
    }

    [[nodiscard]] std::vector<Probe> local_probes() const {
        std::vector<Probe> probes = lab::standard_probes(stage_.lab());
        const lab::Sender& prober = stage_.expected().prober();
        for (const Prefix& network : policy_.lan.list) {
            probes.push_back(probe_to(sample(network), proto::kUdp, kAnyPort, prober));
        }
        std::erase_if(probes, [&](Probe& probe) {
            probe.sender = prober;
            const auto by = stage_.expected().allowed_by(frame_of(probe), &prober);
            return probe.via != Via::uplink || !by || all_[*by].kind != Allowance::Kind::lan;
        });
        return probes;
    }

    /// What differs from an exception in one thing, and is therefore none.
    [[nodiscard]] std::vector<Probe> near_misses() const {
        const lab::Sender& prober = stage_.expected().prober();
        std::vector<Probe> probes;
        for (const char* const elsewhere : {"198.51.100.201", "192.0.2.201", "203.0.113.201"}) {
            probes.push_back(probe_to(lab::ip(elsewhere), proto::kUdp, kAnyPort, prober));
            probes.push_back(probe_to(lab::ip(elsewhere), proto::kTcp, kAnyPort, prober));
        }
        for (const AllowRule& exception : policy_.outbound) {
            for (const Probe& hit : probes_of(exception)) {
                Probe other_port = hit;
                other_port.port = beside(hit.port);
                Probe other_user = hit;
                other_user.sender =
                    policy_.scope == Scope::apps ? prober : lab::Sender{kStranger, kStranger};
                probes.push_back(std::move(other_port));
                probes.push_back(std::move(other_user));
            }
        }
        std::erase_if(probes, [&](const Probe& probe) {
            const lab::FrameInfo frame = frame_of(probe);
            return stage_.expected().is_needed(frame) ||
                   stage_.expected().allowed_by(frame, &probe.sender).has_value();
        });
        return probes;
    }

    void knock_at(const Allowance& allowance, std::size_t number) {
        const IpAddress host = lab::ip(lab::addr::kHost[0]);
        if (allowance.kind == Allowance::Kind::lan && policy_.lan.inbound) {
            const IpAddress router = lab::ip(lab::addr::kRouter[0]);
            stage_.knock(stage_.lab().provider(), {router, host, proto::kTcp, kAnyPort}, number);
            stage_.knock(stage_.lab().internet(),
                         {lab::ip("203.0.113.201"), host, proto::kTcp, kAnyPort});
        }
        if (allowance.kind == Allowance::Kind::inbound) {
            knock_by(policy_.inbound[allowance.number], number);
        }
    }

    /// At a port that it opens, at the next one, and from elsewhere.
    void knock_by(const AllowRule& exception, std::size_t number) {
        const IpAddress from = sample(exception.far);
        const bool v6 = from.family == IpFamily::v6;
        const IpAddress host = lab::ip(v6 ? lab::addr::kHost6[0] : lab::addr::kHost[0]);
        const PortSpec open = exception.ports.empty() ? PortSpec{{kAnyPort, kAnyPort}, proto::kTcp}
                                                      : exception.ports.front();
        const bool on_link =
            Prefix::parse(v6 ? "2001:db8:77::/64" : "192.168.77.0/24")->contains(from);
        const IpAddress router = lab::ip(v6 ? lab::addr::kRouter6[0] : lab::addr::kRouter[0]);
        const lab::Node& outside = on_link ? stage_.lab().provider() : stage_.lab().internet();
        lab::Knock knock{on_link ? router : from, host, open.protocol, open.ports.first};
        stage_.knock(outside, knock, number);
        if (!exception.ports.empty()) {
            knock.port = beside(open.ports.last);
            knock_unless_open(outside, knock);
        }
        knock = {lab::ip(v6 ? "2001:db8:201::201" : "203.0.113.201"), host, open.protocol,
                 open.ports.first};
        knock_unless_open(stage_.lab().internet(), knock);
    }

    void knock_unless_open(const lab::Node& outside, const lab::Knock& knock) {
        lab::FrameInfo answer;
        answer.ethertype = knock.to.family == IpFamily::v6 ? lab::kEtherIpv6 : lab::kEtherIpv4;
        answer.protocol = knock.protocol;
        answer.source = knock.to;
        answer.destination = knock.from;
        answer.source_port = knock.port;
        answer.tcp_flags = 0x12;
        if (!stage_.expected().allowed_by(answer, nullptr)) {
            stage_.knock(outside, knock);
        }
    }

    Stage& stage_;
    const Policy& policy_;
    std::vector<Allowance> all_;
};

/// Inbound is tried while locked: in the tunnel's routes answers go another way, whatever the lock
/// says.
void play_exceptions(Stage& stage) {
    Exceptions exceptions(stage, stage.policy());
    stage.start_server();
    stage.start_service();
    stage.start_counting();
    exceptions.fire_all();
    exceptions.knock_all();
    stage.connect();
    exceptions.fire_all();
}

constexpr Drill kExceptions{"exceptions", "your exceptions",
                            "What the config lets through is tried, and so is what resembles it.",
                            lab::Uplinks::configured, play_exceptions};

}  // namespace

const Drill& exceptions() {
    return kExceptions;
}

}  // namespace ks::drills
