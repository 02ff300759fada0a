// SPDX-License-Identifier: GPL-2.0-or-later
#include "wireguard.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "node_run.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sys/mount.h>

namespace ks::test {

namespace {

using lab::Lab;
using lab::LinkState;
using lab::Node;
using lab::Process;

constexpr const char* kServerDevice = "wg-server";

/// Both sides keep their control sockets in /run, which must not be the machine's own.
Status cover_run_directory(Node& node) {
    auto covered =
        node.run([] { return mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"); },
                 kPatience);
    if (!covered || *covered != 0) {
        return Error{"cannot cover /run in the lab"};
    }
    return Done{};
}

/// The server has to answer from the address it was asked at. wireguard-go from 2023-10 on forgets
/// that address where the kernel coalesces datagrams (splitCoalescedMessages drops IP_PKTINFO), so
/// it answers from the device's own, and the client follows it there: into the tunnel. As behind a
/// NAT, the kernel remembers it.
Status remember_addresses_asked_at(const Node& server, std::uint16_t port) {
    return run_to_end(
        server,
        {"nft",
         fmt::format("add table inet server; add chain inet server arriving {{ type nat hook "
                     "prerouting priority dstnat; }}; "
                     "add rule inet server arriving udp dport {} redirect",
                     port)});
}

/// A private key in the lab's scratch directory. \return the public key.
Result<std::string> make_key(Lab& lab, const std::string& side) {
    const std::string base = lab.scratch() + "/" + side;
    const std::string script =
        fmt::format("umask 077; wg genkey > {0}.key && wg pubkey < {0}.key > {0}.pub", base);
    if (auto made = run_to_end(lab.host(), {"sh", "-c", script}); !made) {
        return std::move(made).error();
    }
    std::string key;
    std::ifstream(lab.scratch_from_outside() + "/" + side + ".pub") >> key;
    return key;
}

Result<Process> start_device(Node& node, const std::string& interface) {
    auto process = node.spawn({"env", "LOG_LEVEL=verbose", "wireguard-go", "-f", interface});
    if (process && !process->wait_output("UAPI listener started", kPatience)) {
        return Error{"wireguard-go does not start: " + process->output()};
    }
    return process;
}

Status set_up(Node& node, const std::string& interface, const char* inner4, const char* inner6,
              const std::vector<std::string>& wg_settings) {
    std::vector<std::string> wg{"wg", "set", interface};
    wg.insert(wg.end(), wg_settings.begin(), wg_settings.end());
    if (auto set = run_to_end(node, wg); !set) {
        return set;
    }
    if (auto added = node.net().add_address(interface, lab::ip(inner4), 24); !added) {
        return added;
    }
    if (auto added = node.net().add_address(interface, lab::ip(inner6), 64); !added) {
        return added;
    }
    return node.net().set_link(interface, LinkState::up);
}

std::string outer_address(const Endpoint& endpoint) {
    const std::string text = endpoint.str();
    return text.substr(0, text.rfind('/'));
}

class WireguardGo final : public drills::Vpn {
  public:
    WireguardGo(std::string server, Nest nest)
        : server_name_(std::move(server)), nest_(nest), ends_(ends_of(nest.role)) {}

    Status start_server(Lab& lab) override {
        if (auto covered = cover_run_directory(lab.host()); !covered) {
            return covered;
        }
        auto server_key = make_key(lab, "wg-server");
        auto client_key = make_key(lab, "wg-client");
        auto server = start_device(lab.vpn(), kServerDevice);
        if (!server_key || !client_key || !server) {
            return Error{"cannot prepare wireguard-go: " +
                         (server ? std::string("no keys") : server.error().message())};
        }
        server_key_ = *std::move(server_key);
        server_.emplace(*std::move(server));
        const std::uint16_t port = lab.options().endpoints.at(nest_.endpoint).port;
        if (auto remembered = remember_addresses_asked_at(lab.vpn(), port); !remembered) {
            return remembered;
        }
        return set_up(
            lab.vpn(), kServerDevice, ends_.server, ends_.server6,
            {"listen-port", std::to_string(port), "private-key", lab.scratch() + "/wg-server.key",
             "peer", *client_key, "allowed-ips",
             fmt::format("{}/32,{}/128,10.77.0.0/24,2001:db8:aa::/64", ends_.host, ends_.host6)});
    }

    Status connect(Lab& lab, const Tunnel& tunnel, const Endpoint& endpoint) override {
        client_.reset();  // The interface of a client that died must be gone before.
        auto client = start_device(lab.host(), tunnel.interface);
        if (!client) {
            return std::move(client).error();
        }
        client_.emplace(*std::move(client));
        interface_ = tunnel.interface;
        endpoint_ = endpoint;
        const std::uint32_t mark = tunnel.only.fwmark ? tunnel.only.fwmark->value : 0;
        auto up = set_up(lab.host(), tunnel.interface, ends_.host, ends_.host6,
                         {"private-key", lab.scratch() + "/wg-client.key", "fwmark",
                          std::to_string(mark), "peer", server_key_, "endpoint", remote(endpoint),
                          "persistent-keepalive", "1", "allowed-ips", "0.0.0.0/0,::/0"});
        return up ? set_routes(lab, nest_.role, interface_, endpoint_, kServerDevice) : up;
    }

    Process* client() override { return client_ ? &*client_ : nullptr; }

    Status disconnect(Lab& lab) override {
        Status routes = take_back_routes(lab, nest_.role, interface_, endpoint_);
        auto ended = client_ ? client_->terminate(kPatience) : Result<int>(0);
        return ended ? routes : Status(std::move(ended).error());
    }

  private:
    [[nodiscard]] std::string remote(const Endpoint& endpoint) const {
        return server_name_.empty() ? outer_address(endpoint)
                                    : fmt::format("{}:{}", server_name_, endpoint.port);
    }

    std::string server_name_;
    std::string server_key_;
    std::optional<Process> server_;
    std::optional<Process> client_;
    Nest nest_;
    TunnelEnds ends_;
    std::string interface_;
    Endpoint endpoint_;
};

}  // namespace

std::unique_ptr<drills::Vpn> wireguard_go(const std::string& server, Nest nest) {
    return std::make_unique<WireguardGo>(server, nest);
}

}  // namespace ks::test
