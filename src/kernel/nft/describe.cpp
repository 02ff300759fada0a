// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ruleset.hpp"
#include "objects.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <fmt/format.h>
#include <libnftnl/udata.h>

#include <linux/netfilter/nf_tables.h>

namespace ks {

std::string describe_expressions(const nftnl_rule* rule) {
    constexpr std::size_t kUsualBytes = 512;
    std::string text;
    text.reserve(kUsualBytes);
    std::array<char, 1024> one{};
    auto* const iter = nftnl_expr_iter_create(rule);
    while (nftnl_expr* const expr = nftnl_expr_iter_next(iter)) {
        one[0] = '\0';  // Some expressions have nothing to say.
        nftnl_expr_snprintf(one.data(), one.size(), expr, NFTNL_OUTPUT_DEFAULT, 0);
        text.append(text.empty() ? "[ " : " [ ")
            .append(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME))
            .append(" ")
            .append(one.data())
            .append("]");
    }
    nftnl_expr_iter_destroy(iter);
    return text;
}

std::string describe_key(const nftnl_set* set) {
    std::uint32_t flags =
        nftnl_set_is_set(set, NFTNL_SET_FLAGS) ? nftnl_set_get_u32(set, NFTNL_SET_FLAGS) : 0U;
    if ((flags & NFT_SET_INTERVAL) == 0) {
        flags &= ~std::uint32_t{NFT_SET_CONCAT};  // Only says something about ranges; nft omits it.
    }
    const std::string life =
        (flags & NFT_SET_EVAL) == 0
            ? std::string()
            : fmt::format(" timeout {} size {}", nftnl_set_get_u64(set, NFTNL_SET_TIMEOUT),
                          nftnl_set_get_u32(set, NFTNL_SET_DESC_SIZE));
    return fmt::format("type {:x} length {} flags {:x}{}",
                       nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE),
                       nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN), flags, life);
}

std::string comment_of(const nftnl_rule* rule) {
    if (!nftnl_rule_is_set(rule, NFTNL_RULE_USERDATA)) {
        return {};
    }
    std::uint32_t length = 0;
    const void* const data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &length);
    std::string comment;
    nftnl_udata_parse(
        data, length,
        [](const nftnl_udata* attr, void* out) {
            if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT) {
                const auto* const text = static_cast<const char*>(nftnl_udata_get(attr));
                static_cast<std::string*>(out)->assign(text, strnlen(text, nftnl_udata_len(attr)));
            }
            return 0;
        },
        &comment);
    return comment;
}

}  // namespace ks
