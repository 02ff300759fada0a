// SPDX-License-Identifier: GPL-2.0-or-later
#include "openvpn.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "node_run.hpp"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::test {

namespace {

using lab::Lab;
using lab::Process;

constexpr const char* kServerDevice = "ovpn-server";

std::string fingerprint(const Lab& lab, const std::string& name) {
    std::string text;
    std::getline(std::ifstream(lab.scratch_from_outside() + "/" + name + ".print"), text);
    return text.substr(text.find('=') + 1);
}

std::string identity(const Lab& lab, const std::string& own, const std::string& peer) {
    return fmt::format("cert {0}/{1}.crt\nkey {0}/{1}.key\npeer-fingerprint {2}\n"
                       "data-ciphers AES-256-GCM\nverb 3\n",
                       lab.scratch(), own, fingerprint(lab, peer));
}

std::string write(const Lab& lab, const std::string& name, const std::string& text) {
    std::ofstream(lab.scratch_from_outside() + "/" + name) << text;
    return lab.scratch() + "/" + name;
}

std::string server_config(const Lab& lab, const Nest& nest) {
    const Endpoint& endpoint = lab.options().endpoints.at(nest.endpoint);
    const TunnelEnds ends = ends_of(nest.role);
    const bool tcp = endpoint.protocol == proto::kTcp;
    return fmt::format("mode server\ntls-server\ndh none\ntopology subnet\nkeepalive 1 10\n"
                       "dev {}\ndev-type tun\ndisable-dco\nport {}\nproto {}\n"
                       "ifconfig {} 255.255.255.0\nifconfig-ipv6 {}/64 {}\n"
                       "client-config-dir {}\npush \"route-gateway {}\"\n",
                       kServerDevice, endpoint.port, tcp ? "tcp6-server" : "udp6\nmultihome",
                       ends.server, ends.server6, ends.host6, lab.scratch() + "/clients",
                       ends.server);
}

std::string redirection(Nest::Role role) {
    switch (role) {
    case Nest::Role::around:
        return {};
    case Nest::Role::inside:  // Its server has a route already, into the other tunnel.
        return "redirect-gateway local def1 ipv6\n";
    case Nest::Role::alone:
        break;
    }
    return "redirect-gateway def1 ipv6\n";
}

std::string client_config(const Tunnel& tunnel, const Endpoint& endpoint, TunDevice tun,
                          const std::string& server, Nest::Role role) {
    const char family = endpoint.address.family == IpFamily::v4 ? '4' : '6';
    const bool tcp = endpoint.protocol == proto::kTcp;
    std::string text = fmt::format(
        "client\nnobind\npersist-key\ntopology subnet\n"
        "connect-retry 1 1\ndev {}\ndev-type tun\ndisable-dco\nremote {} {}\nproto {}{}{}\n",
        tunnel.interface, server.empty() ? endpoint.address.str() : server, endpoint.port,
        tcp ? "tcp" : "udp", family, tcp ? "-client" : "");
    text += redirection(role);
    if (tunnel.only.fwmark) {
        text += fmt::format("mark {}\n", tunnel.only.fwmark->value);
    }
    return tun == TunDevice::kept ? text + "persist-tun\n" : text;
}

/// As a unit with User= and AmbientCapabilities= starts it. /dev/net/tun may be open to root alone.
std::vector<std::string> client_argv(const Only& only, const std::string& config) {
    std::vector<std::string> argv;
    if (only.user || only.group) {
        argv = {"setpriv",
                fmt::format("--reuid={}", only.user.value_or(0)),
                fmt::format("--regid={}", only.group.value_or(0)),
                "--clear-groups",
                "--inh-caps=+net_admin,+dac_override",
                "--ambient-caps=+net_admin,+dac_override"};
    }
    argv.insert(argv.end(), {"openvpn", config});
    return argv;
}

class OpenVpn final : public drills::Vpn {
  public:
    OpenVpn(TunDevice tun, std::string server, Nest nest)
        : tun_(tun), server_name_(std::move(server)), nest_(nest) {}

    Status start_server(Lab& lab) override {
        for (const char* const side : {"server", "client"}) {
            if (auto made = make_certificate(lab, side); !made) {
                return made;
            }
        }
        const TunnelEnds ends = ends_of(nest_.role);
        std::filesystem::create_directory(lab.scratch_from_outside() + "/clients");
        write(lab, "clients/client",
              fmt::format("ifconfig-push {} 255.255.255.0\nifconfig-ipv6-push {}/64 {}\n"
                          "iroute 10.77.0.0 255.255.255.0\niroute-ipv6 2001:db8:aa::/64\n",
                          ends.host, ends.host6, ends.server6));
        const std::string config = write(
            lab, "server.ovpn", server_config(lab, nest_) + identity(lab, "server", "client"));
        return start(server_, lab.vpn(), {"openvpn", config});
    }

    Status connect(Lab& lab, const Tunnel& tunnel, const Endpoint& endpoint) override {
        client_.reset();  // The interface of a client that died must be gone before.
        const std::string config =
            write(lab, "client.ovpn",
                  client_config(tunnel, endpoint, tun_, server_name_, nest_.role) +
                      identity(lab, "client", "server"));
        if (auto up = start(client_, lab.host(), client_argv(tunnel.only, config)); !up) {
            return up;
        }
        return nest_.role == Nest::Role::around
                   ? set_routes(lab, nest_.role, tunnel.interface, endpoint, kServerDevice)
                   : lab.return_guest_traffic(lab::GuestReturn::vpn, kServerDevice);
    }

    Process* client() override { return client_ ? &*client_ : nullptr; }

    Status disconnect(Lab& lab) override {
        auto ended = client_ ? client_->terminate(kPatience) : Result<int>(0);
        if (!ended) {
            return std::move(ended).error();
        }
        return lab.return_guest_traffic(lab::GuestReturn::provider);
    }

  private:
    static Status start(std::optional<Process>& side, lab::Node& node,
                        const std::vector<std::string>& argv) {
        auto process = node.spawn(argv);
        if (!process) {
            return std::move(process).error();
        }
        side.emplace(*std::move(process));
        if (!side->wait_output(kConnected, kPatience)) {
            return Error{
                fmt::format("OpenVPN does not come up in {}:\n{}", node.name(), side->output())};
        }
        return Done{};
    }

    TunDevice tun_;
    std::string server_name_;
    Nest nest_;
    std::optional<Process> server_;
    std::optional<Process> client_;
};

}  // namespace

Status make_certificate(Lab& lab, const std::string& name) {
    const std::string script = fmt::format(
        "cd {0} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc "
        "-days 2 -subj /CN={1} -keyout {1}.key -out {1}.crt && chmod 644 {1}.key && "
        "openssl x509 -in {1}.crt -noout -fingerprint -sha256 > {1}.print",
        lab.scratch(), name);
    return run_to_end(lab.host(), {"sh", "-c", script});
}

drills::MakeVpn openvpn(TunDevice tun, const std::string& server, Nest nest) {
    return [=] { return std::make_unique<OpenVpn>(tun, server, nest); };
}

}  // namespace ks::test
