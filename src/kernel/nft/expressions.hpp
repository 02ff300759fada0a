// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/ruleset.hpp"
#include "objects.hpp"

#include <cstdint>
#include <string>

#include <linux/netfilter/nf_tables.h>

namespace ks {

/// Appends expressions to one rule; mirrors `nft --debug=netlink`. Values are compared in kReg and
/// data are in network byte order, where they are not the host's own.
class Expressions {
  public:
    explicit Expressions(nftnl_rule* rule) : rule_(rule) {}
    /// Matches are tested one by one: one register is enough.
    static constexpr std::uint32_t kReg = NFT_REG_1;

    /// Whether there was memory for all of them.
    [[nodiscard]] bool complete() const { return complete_; }

    /// One expression of `kind`, which `fill` gives its attributes.
    template <class Fill>
    void expr(const char* kind, Fill&& fill) {
        NftExpr made{nftnl_expr_alloc(kind)};
        if (!made) {
            complete_ = false;
            return;
        }
        fill(made.get());
        nftnl_rule_add_expr(rule_, made.release());  // The rule owns it from here on.
    }
    void meta(std::uint32_t key, std::uint32_t reg = kReg);
    void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes,
                 std::uint32_t reg = kReg);
    /// The name of a device or of its kind; by its beginning where it ends in '*'.
    void name(std::uint32_t key, const std::string& wanted, bool negated = false);
    void compare(std::uint32_t op, const void* data, std::uint32_t bytes);
    template <class T>
    void equals(const T& value) {
        compare(NFT_CMP_EQ, &value, sizeof(value));
    }
    void mask(const void* mask_data, std::uint32_t bytes, std::uint32_t reg = kReg);
    void set_bits(std::uint32_t bits);  ///< Of a number in the host's order, in kReg.
    void conntrack(std::uint32_t key);
    void conntrack_original(std::uint32_t key);  ///< Of the flow as it began.
    void log(const LogCopy& log);
    void verdict(std::uint32_t code, const std::string& chain);
    void reject(std::uint32_t type, std::uint8_t code);

  private:
    void mask_and_flip(const void* mask_data, const void* flip, std::uint32_t bytes,
                       std::uint32_t reg);

    nftnl_rule* rule_;
    bool complete_ = true;
};

}  // namespace ks
