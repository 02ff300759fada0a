// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"
#include "read.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Only ever asked about: not our own table, which another process may own.
constexpr const char* kProbeTable = "killswitchd-probe";

/// One nfnetlink transaction. Either all of it happens or nothing.
class Batch {
  public:
    /// Valid only for the ruleset generation `generation`: the kernel refuses it with ERESTART when
    /// anybody has committed since.
    /// \param table  The table that everything in it belongs to; must outlive the batch.
    Batch(NftSocket& socket, std::uint32_t generation, const char* table = kTable);

    /// The family of the tables that the calls below are about; at first inet.
    void select(TableFamily family) { family_ = family; }
    void create_table(std::uint32_t flags);
    void delete_table();
    /// \param chain  What make_chain() made of `wanted`.
    void create(nftnl_chain* chain, const Chain& wanted);
    void remove_chain(const std::string& name);
    void append(nftnl_rule* rule, const std::string& what);
    /// See put_veiled_jump().
    void append_veiled_jump(const std::string& chain, const std::string& target);
    /// \param handle  Of the rule that it comes before.
    void insert(nftnl_rule* rule, std::uint64_t handle, const std::string& what);
    void remove_rule(const std::string& chain, std::uint64_t handle);
    void flush_chain(const std::string& name);
    void create(nftnl_set* set, const std::string& name);
    void remove_set(const std::string& name);
    void add_elements(const std::string& set, const std::vector<std::string>& keys);
    /// Those that end by themselves, but for those that have. \param until  Since boot, by key.
    void add_timed(const std::string& set,
                   const std::map<std::string, std::chrono::nanoseconds>& until);
    void flush_set(const std::string& name);
    void remove_elements(const std::string& set, const std::vector<std::string>& keys);
    void create(nftnl_obj* counter, const std::string& name);
    void remove_counter(const std::string& name);

    /// Whether nothing was asked for.
    [[nodiscard]] bool empty() const { return what_.empty(); }
    /// Sends it. Done when the kernel refused nothing; see Nftables::apply().
    [[nodiscard]] Status commit();
    /// Asks the kernel whether it would accept the messages, without doing anything.
    /// Source: Linux net/netfilter/nfnetlink.c aborts a batch that has no end.
    [[nodiscard]] Status rehearse();

  private:
    using Send = Status (NftSocket::*)(const std::vector<char>&, const NftSocket::Each&);
    [[nodiscard]] Status send(Send how);
    [[nodiscard]] NftTable table_key() const;
    [[nodiscard]] NftSet set_key(const std::string& name) const;
    /// Appends one message whose payload `fill` writes; `what` names it in an error.
    void message(std::uint16_t type, std::uint16_t flags, std::string what,
                 const std::function<void(nlmsghdr*)>& fill);
    void elements(std::uint16_t type, std::uint16_t flags, const std::string& set,
                  const std::vector<std::string>& keys);
    void frame(std::uint16_t type, std::uint16_t flags, std::uint32_t seq,
               std::optional<std::uint32_t> generation);

    NftSocket& socket_;
    const char* table_;
    TableFamily family_ = TableFamily::inet;
    std::vector<char> bytes_;
    std::unique_ptr<char[]> scratch_;  ///< One message; not cleared, which takes longer than most.
    std::map<std::uint32_t, std::string> what_;  ///< Sequence number -> object.
};

/// Whether the kernel refused because the world had changed, so that asking again makes sense.
[[nodiscard]] bool overtaken(const Error& error);

}  // namespace ks
