// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/evaluate.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/situation.hpp"
#include "private_network.hpp"
#include "random_packet.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ks::test {

/// Two nested cgroups of our own, while the object lives; none where we may not make them.
class Cgroups {
  public:
    Cgroups();
    ~Cgroups();
    Cgroups(const Cgroups&) = delete;
    Cgroups& operator=(const Cgroups&) = delete;

    [[nodiscard]] const CgroupIds& ids() const { return ids_; }
    /// The ids at level 1, 2, ... of `path`, which is "" for where this process lives.
    [[nodiscard]] std::vector<std::uint64_t> levels(const std::string& path) const;
    /// Moves this process; "" brings it back.
    void enter(const std::string& path) const;

  private:
    std::string root_;
    std::string home_;
    CgroupIds ids_;  ///< Parents stand before what is in them.
};

/// A namespace in which nothing but the rules can refuse a packet, and which tells whether they do.
class KernelJudge {
  public:
    /// In the present network namespace.
    explicit KernelJudge(const Cgroups& cgroups);

    [[nodiscard]] const std::vector<Sender>& senders() const { return senders_; }
    /// Whether the kernel lets `packet` (of PacketMaker) pass. Throws where it fails otherwise.
    [[nodiscard]] bool passes(const PacketView& packet);
    /// The same of a packet of Hook::output that was on its way to the device `first` when another
    /// table gave it another mark, by which it was sent to `packet.out_interface`. Sets that mark.
    [[nodiscard]] bool passes_rerouted(PacketView& packet, const std::string& first);

  private:
    struct Sockets {
        Fd v4;
        Fd v6;
    };
    void add_routes();
    void add_senders(const Cgroups& cgroups);
    /// \param mark  of the socket, which is bound to `bound`; empty: to none.
    [[nodiscard]] bool passes_output(const PacketView& packet, std::uint32_t mark,
                                     const std::string& bound);
    [[nodiscard]] bool passes_input(const PacketView& packet);
    [[nodiscard]] bool passes_forward(const PacketView& packet);

    std::map<std::string, Tun> tuns_;
    std::vector<Sender> senders_;
    std::vector<Sockets> sockets_;  ///< Beside `senders_`.
    std::map<std::pair<IpFamily, std::uint8_t>, Fd> receivers_;
    std::uint32_t tag_ = 0;
};

}  // namespace ks::test
