// SPDX-License-Identifier: GPL-2.0-or-later
#include "nest.hpp"

#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/tunnel_client.hpp"

#include <memory>
#include <string>
#include <utility>

namespace ks::test {

namespace {

using lab::Lab;

class Nested final : public drills::Vpn {
  public:
    Nested(std::unique_ptr<drills::Vpn> inner, std::unique_ptr<drills::Vpn> outer, Tunnel around,
           Victim victim)
        : inner_(std::move(inner)), outer_(std::move(outer)), around_(std::move(around)),
          victim_(victim) {}

    Status start_server(Lab& lab) override {
        auto outer = outer_->start_server(lab);
        return outer ? inner_->start_server(lab) : outer;
    }

    Status connect(Lab& lab, const Tunnel& tunnel, const Endpoint& endpoint) override {
        const bool runs = outer_->client() != nullptr && outer_->client()->running();
        if (!runs) {
            if (auto up = outer_->connect(lab, around_, around_.endpoints.front()); !up) {
                return up;
            }
        }
        for (const Endpoint& server : tunnel.endpoints) {
            const lab::Route inside{.to = Prefix::of(server.address, server.address.bits()),
                                    .device = around_.interface};
            if (auto routed = lab.host().net().add_route(inside); !routed && !runs) {
                return routed;
            }
        }
        return inner_->connect(lab, tunnel, endpoint);
    }

    lab::Process* client() override {
        return victim_ == Victim::inner ? inner_->client() : outer_->client();
    }

    Status disconnect(Lab& lab) override { return inner_->disconnect(lab); }

  private:
    std::unique_ptr<drills::Vpn> inner_;
    std::unique_ptr<drills::Vpn> outer_;
    Tunnel around_;
    Victim victim_;
};

}  // namespace

TunnelEnds ends_of(Nest::Role role) {
    return role == Nest::Role::around
               ? TunnelEnds{"10.98.0.2", "10.98.0.1", "fd98::2", "fd98::1"}
               : TunnelEnds{lab::addr::kTunnelHost, lab::addr::kTunnelServer,
                            lab::addr::kTunnelHost6, lab::addr::kTunnelServer6};
}

Status set_routes(Lab& lab, Nest::Role role, const std::string& interface, const Endpoint& endpoint,
                  const std::string& server_device) {
    const lab::TunnelOptions options{.interface = interface, .endpoint = endpoint};
    if (role == Nest::Role::alone) {
        return lab::set_tunnel_routes(lab, options, server_device);
    }
    lab::NetConfig& net = lab.host().net();
    if (role == Nest::Role::around) {
        return net.add_route({.to = Prefix::of(endpoint.address, endpoint.address.bits()),
                              .device = lab.uplink(0),
                              .gateway = lab::ip(lab::addr::kRouter.at(0))});
    }
    for (const char* const half : {"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"}) {
        auto added = net.add_route({.to = *Prefix::parse(half), .device = interface});
        if (!added) {
            return added;
        }
    }
    return lab.return_guest_traffic(lab::GuestReturn::vpn, server_device);
}

Status take_back_routes(Lab& lab, Nest::Role role, const std::string& interface,
                        const Endpoint& endpoint) {
    if (role == Nest::Role::alone) {
        return lab::take_back_tunnel_routes(lab, {.interface = interface, .endpoint = endpoint});
    }
    return lab.return_guest_traffic(lab::GuestReturn::provider);
}

std::unique_ptr<drills::Vpn> nested(std::unique_ptr<drills::Vpn> inner,
                                    std::unique_ptr<drills::Vpn> outer, Tunnel around,
                                    Victim victim) {
    return std::make_unique<Nested>(std::move(inner), std::move(outer), std::move(around), victim);
}

}  // namespace ks::test
