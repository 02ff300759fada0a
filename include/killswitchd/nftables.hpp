// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace ks {

/// A NETLINK_NETFILTER socket that reads and writes the table `inet killswitchd`.
///
/// With Ownership::automatic, and where the kernel can (OWNER and PERSIST, Linux 6.9), the table
/// that it creates or finds without an owner belongs to this socket: nobody else can change or
/// flush it, and it stays when the socket closes. Older kernels (OWNER alone, Linux 5.12) take such
/// a table away with its socket, so there only one that outlives this process may own it: `held`.
/// One process must do all its writes through one object. Not thread-safe; blocks for at most the
/// timeout of two seconds per call.
///
/// A second table without owner, `inet killswitchd-fallback`, stands in for the first while that
/// has to be built anew, and where it would go away with its owner; see leave().
class Nftables {
  public:
    /// \param held  A socket that another process keeps open too, as systemd does for a socket
    /// unit. \return EPERM when the process has no CAP_NET_ADMIN; EPROTONOSUPPORT without
    /// nf_tables;
    ///         EINVAL when `held` is something else.
    [[nodiscard]] static Result<Nftables> open(Ownership ownership, Fd held = Fd());
    /// The same for a socket whose holder may close it at any moment: where the table would go with
    /// it, apply() leaves the fallback table alone.
    [[nodiscard]] static Result<Nftables> borrow(Ownership ownership, Fd held);
    Nftables(const Nftables&) = delete;
    Nftables& operator=(const Nftables&) = delete;
    Nftables(Nftables&&) noexcept;
    Nftables& operator=(Nftables&&) noexcept;
    ~Nftables();

    /// Our tables as they are now, none where there is none. A dump that another writer disturbed
    /// is repeated. "None" is only ever the kernel's own answer, never a failed question.
    [[nodiscard]] Result<ObservedTables> read();

    /// Makes the tables exactly `ruleset`, and proves it by reading back once. Where the kernel
    /// refuses that, `inet` and `arp` go without `netdev`: see raw_problem(). Then the fallback
    /// table goes, unless it is needed still.
    ///
    /// Commits at once on what was read last: the kernel refuses that when anybody has committed
    /// since, and then it is read and planned anew. Only what differs is sent, in one transaction;
    /// base chains are never deleted or created anew while they stand as we make them. A table
    /// without owner, or one that sleeps, is claimed and woken in a transaction before.
    ///
    /// Whatever others made of the tables, it succeeds: what the kernel does not let be changed in
    /// place is built anew while the fallback table covers the moment. A packet sees the old rules
    /// or the new ones, never none. On an error the previous rules are in force, or stricter ones
    /// with the fallback table. A repeated call with the same ruleset changes nothing.
    ///
    /// \return EPERM without CAP_NET_ADMIN or when another socket owns the table; ETIMEDOUT when
    ///         the outcome is unknown (call again); the errno of the first refused object, which
    ///         Error::what names; Error without errno when the rules read back differ.
    [[nodiscard]] Status apply(const Ruleset& ruleset);

    /// Why the last apply() could not attach the rules at some device; nothing when it could. The
    /// rules of `inet` and `arp` are in force all the same.
    [[nodiscard]] const std::optional<Error>& raw_problem() const;

    /// When the kernel acknowledged what the last apply() committed: from then on it goes by the
    /// new rules. Nothing when there was nothing to commit.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> acknowledged() const;

    /// Asks the kernel by a transaction that it is not to carry out.
    [[nodiscard]] RawSupport raw_support();
    [[nodiscard]] LogSupport log_support();  ///< The same way.

    /// Removes the table, then the fallback table, whatever others put into them. Done when there
    /// is none. \return EPERM when another socket owns it; then nothing was removed. Error::what
    /// names every
    ///         table that stands still.
    [[nodiscard]] Status remove();

    /// For a process that ends, or finds its service ended: where the table goes away with the
    /// socket that owns it, loads the fallback table with the rules of `in_force`. Else does
    /// nothing.
    [[nodiscard]] Status leave(const Ruleset& in_force);
    /// Whether the fallback table stands.
    [[nodiscard]] Result<bool> fallback_stands();

    /// The ruleset generation of this network namespace: changes with every commit by anybody.
    [[nodiscard]] Result<std::uint32_t> generation();

    [[nodiscard]] std::uint32_t port() const;  ///< The netlink port id of this socket.
    /// From the next apply() on. A table that is owned stays so until it is removed.
    void prefer(Ownership ownership);

  private:
    struct Impl;
    explicit Nftables(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ks
