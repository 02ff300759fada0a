// SPDX-License-Identifier: GPL-2.0-or-later
#include "expressions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

namespace ks {

void Expressions::meta(std::uint32_t key, std::uint32_t reg) {
    expr("meta", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
    });
}

void Expressions::payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes,
                          std::uint32_t reg) {
    expr("payload", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, bytes);
    });
}

void Expressions::name(std::uint32_t key, const std::string& wanted, bool negated) {
    std::array<char, IFNAMSIZ> padded{};
    const bool prefix = wanted.ends_with('*');
    const std::size_t length = std::min(wanted.size() - (prefix ? 1 : 0), padded.size() - 1);
    std::copy_n(wanted.begin(), length, padded.begin());
    meta(key);
    // The whole zero-padded field is an exact match, its beginning alone a match by prefix.
    compare(negated ? NFT_CMP_NEQ : NFT_CMP_EQ, padded.data(),
            static_cast<std::uint32_t>(prefix ? length : padded.size()));
}

void Expressions::compare(std::uint32_t op, const void* data, std::uint32_t bytes) {
    expr("cmp", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, kReg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
        nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, bytes);
    });
}

void Expressions::mask(const void* mask_data, std::uint32_t bytes, std::uint32_t reg) {
    const std::array<std::uint8_t, 16> zero{};
    mask_and_flip(mask_data, zero.data(), bytes, reg);
}

void Expressions::set_bits(std::uint32_t bits) {
    const std::uint32_t others = ~bits;
    mask_and_flip(&others, &bits, sizeof bits, kReg);
}

void Expressions::mask_and_flip(const void* mask_data, const void* flip, std::uint32_t bytes,
                                std::uint32_t reg) {
    expr("bitwise", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, bytes);
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask_data, bytes);
        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, flip, bytes);
    });
}

void Expressions::log(const LogCopy& log) {
    expr("limit", [&](nftnl_expr* e) {
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, log.rate.number);
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, static_cast<std::uint64_t>(log.rate.per));
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, kLogBurst);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
    });
    expr("log", [&](nftnl_expr* e) {
        nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, log.prefix.c_str());
        nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, kLogGroup);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, kLogBytes);
    });
}

void Expressions::verdict(std::uint32_t code, const std::string& chain) {
    expr("immediate", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, code);
        if (!chain.empty()) {
            nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
        }
    });
}

void Expressions::reject(std::uint32_t type, std::uint8_t code) {
    expr("reject", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, type);
        nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, code);
    });
}

void Expressions::conntrack(std::uint32_t key) {
    expr("ct", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, kReg);
    });
}

void Expressions::conntrack_original(std::uint32_t key) {
    constexpr std::uint8_t kOriginal = 0;  // IP_CT_DIR_ORIGINAL
    expr("ct", [&](nftnl_expr* e) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, kReg);
        nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, kOriginal);
    });
}

}  // namespace ks
