// SPDX-License-Identifier: GPL-2.0-or-later
#include "decode.hpp"

#include "objects.hpp"
#include "operand.hpp"
#include "socket.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libmnl/libmnl.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace ks {

namespace {

std::string bytes_of(const nftnl_expr* expr, std::uint16_t attribute) {
    std::uint32_t length = 0;
    const void* const data = nftnl_expr_get(expr, attribute, &length);
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), length);
}

std::string text_of(const nftnl_expr* expr, std::uint16_t attribute) {
    const char* const text = nftnl_expr_get_str(expr, attribute);
    return text == nullptr ? "" : text;
}

/// NFT_REG_1 to 4 are four of the 32-bit registers each.
std::uint32_t first_word(std::uint32_t reg) {
    return reg < NFT_REG32_00 ? NFT_REG32_00 + (reg - NFT_REG_1) * 4 : reg;
}

std::string sign_of(std::uint32_t op) {
    constexpr std::array<const char*, 6> kSigns{"", "!= ", "< ", "<= ", "> ", ">= "};
    return op < kSigns.size() ? kSigns[op] : "? ";
}

/// " timeout 3m"
std::string time_text(std::uint64_t milliseconds) {
    constexpr std::uint64_t kMinute = 60'000;
    return milliseconds % kMinute == 0 ? fmt::format(" timeout {}m", milliseconds / kMinute)
                                       : fmt::format(" timeout {}ms", milliseconds);
}

class Decoder {
  public:
    void add(const nftnl_expr* expr) {
        const std::string name = text_of(expr, NFTNL_EXPR_NAME);
        using Handler = void (Decoder::*)(const nftnl_expr*);
        static const std::map<std::string, Handler> kHandlers{
            {"bitwise", &Decoder::bitwise}, {"cmp", &Decoder::cmp},
            {"counter", &Decoder::counter}, {"ct", &Decoder::load},
            {"dynset", &Decoder::dynset},   {"exthdr", &Decoder::load},
            {"fib", &Decoder::load},        {"immediate", &Decoder::immediate},
            {"limit", &Decoder::limit},     {"log", &Decoder::log},
            {"lookup", &Decoder::lookup},   {"masq", &Decoder::masquerade},
            {"meta", &Decoder::load},       {"nat", &Decoder::nat},
            {"objref", &Decoder::objref},   {"payload", &Decoder::load},
            {"quota", &Decoder::quota},     {"range", &Decoder::range},
            {"redir", &Decoder::redirect},  {"reject", &Decoder::reject},
            {"rt", &Decoder::load},         {"socket", &Decoder::load},
        };
        const auto handler = kHandlers.find(name);
        handler == kHandlers.end() ? say(fmt::format("[{}]", name))
                                   : (this->*handler->second)(expr);
    }

    std::string finish() {
        say_context();
        return fmt::format("{}", fmt::join(words_, " "));
    }

  private:
    /// Family and protocol are said only where nothing after them implies them.
    void say_context() {
        for (std::optional<std::string>* const pending : {&family_words_, &protocol_words_}) {
            if (*pending) {
                words_.push_back(*std::exchange(*pending, std::nullopt));
            }
        }
    }
    void say(std::string words) {
        say_context();
        words_.push_back(std::move(words));
    }
    void imply(Operand::Implies what) {
        using Implies = Operand::Implies;
        if (what == Implies::family || what == Implies::both) {
            family_words_.reset();
        }
        if (what == Implies::protocol || what == Implies::both) {
            protocol_words_.reset();
        }
    }
    void say_about(const Operand& operand, const std::string& words) {
        imply(operand.implies);
        say(words);
    }

    void load(const nftnl_expr* expr) {
        Operand operand = operand_of(expr, {family_, protocol_});
        if (operand.sets) {  // `meta mark set`, and the like.
            const Operand value = take(operand.reg);
            say(fmt::format("{} set {}", operand.text,
                            value.data.empty() ? value.text : value_text(operand, value.data)));
            return;
        }
        loaded_[first_word(operand.reg)] = std::move(operand);
    }

    Operand take(std::uint32_t reg) {
        const auto found = loaded_.find(first_word(reg));
        return found == loaded_.end() ? Operand{"[unknown]"} : found->second;
    }

    void bitwise(const nftnl_expr* expr) {
        const std::uint32_t reg = first_word(nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_DREG));
        Operand operand = take(nftnl_expr_get_u32(expr, NFTNL_EXPR_BITWISE_SREG));
        apply_mask(operand, bytes_of(expr, NFTNL_EXPR_BITWISE_MASK),
                   bytes_of(expr, NFTNL_EXPR_BITWISE_XOR));
        loaded_[reg] = std::move(operand);
    }

    void cmp(const nftnl_expr* expr) {
        const Operand operand = take(nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_SREG));
        const std::string data = bytes_of(expr, NFTNL_EXPR_CMP_DATA);
        const std::uint32_t op = nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP);
        const std::string words = comparison(operand, sign_of(op), data);
        loaded_.clear();
        loaded_[first_word(nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_SREG))] = operand;
        const std::string from = operand.text + " >= ";
        if (op == NFT_CMP_LTE && !words_.empty() && words_.back().starts_with(from)) {
            words_.back() = fmt::format("{} {}-{}", operand.text, words_.back().substr(from.size()),
                                        value_text(operand, data));
        } else if (op == NFT_CMP_EQ && !data.empty() && operand.type == Operand::Type::family) {
            family_ = static_cast<std::uint8_t>(data[0]);
            family_words_ = words;
        } else if (op == NFT_CMP_EQ && !data.empty() && operand.type == Operand::Type::protocol) {
            protocol_ = static_cast<std::uint8_t>(data[0]);
            protocol_words_ = words;
            imply(operand.implies);
        } else {
            say_about(operand, words);
        }
    }

    void range(const nftnl_expr* expr) {
        const Operand operand = take(nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_SREG));
        say_about(operand,
                  fmt::format("{} {}{}-{}", operand.text,
                              sign_of(nftnl_expr_get_u32(expr, NFTNL_EXPR_RANGE_OP)),
                              value_text(operand, bytes_of(expr, NFTNL_EXPR_RANGE_FROM_DATA)),
                              value_text(operand, bytes_of(expr, NFTNL_EXPR_RANGE_TO_DATA))));
        loaded_.clear();
    }

    /// What is loaded from a register on, as a key of a set; forgets it.
    std::vector<std::string> take_keys(std::uint32_t reg) {
        std::vector<std::string> keys;
        for (const auto& [loaded, operand] : loaded_) {
            if (loaded >= first_word(reg)) {
                keys.push_back(operand.text);
                imply(operand.implies);
            }
        }
        loaded_.clear();
        return keys;
    }

    void dynset(const nftnl_expr* expr) {
        constexpr std::array<const char*, 3> kOps{"add", "update", "delete"};
        const std::uint32_t op = nftnl_expr_get_u32(expr, NFTNL_EXPR_DYNSET_OP);
        const std::uint64_t timeout =  // In milliseconds.
            nftnl_expr_is_set(expr, NFTNL_EXPR_DYNSET_TIMEOUT)
                ? nftnl_expr_get_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT)
                : 0;
        say(fmt::format(
            "{} @{} {{ {}{} }}", op < kOps.size() ? kOps[op] : "?",
            text_of(expr, NFTNL_EXPR_DYNSET_SET_NAME),
            fmt::join(take_keys(nftnl_expr_get_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY)), " . "),
            timeout == 0 ? std::string() : time_text(timeout)));
    }

    void lookup(const nftnl_expr* expr) {
        const std::vector<std::string> keys =
            take_keys(nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_SREG));
        const bool inverted = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS) != 0;
        const bool map = nftnl_expr_is_set(expr, NFTNL_EXPR_LOOKUP_DREG);
        say(fmt::format("{} {}@{}", fmt::join(keys, " . "),
                        map        ? "vmap "
                        : inverted ? "!= "
                                   : "",
                        text_of(expr, NFTNL_EXPR_LOOKUP_SET)));
    }

    void immediate(const nftnl_expr* expr) {
        const std::uint32_t reg = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_DREG);
        if (reg != NFT_REG_VERDICT) {
            Operand constant{"[constant]"};
            constant.data = bytes_of(expr, NFTNL_EXPR_IMM_DATA);
            loaded_[first_word(reg)] = std::move(constant);
            return;
        }
        const std::string chain = text_of(expr, NFTNL_EXPR_IMM_CHAIN);
        switch (static_cast<int>(nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT))) {
        case NF_ACCEPT:
            return say("accept");
        case NF_DROP:
            return say("drop");
        case NFT_JUMP:
            return say("jump " + chain);
        case NFT_GOTO:
            return say("goto " + chain);
        case NFT_RETURN:
            return say("return");
        case NFT_CONTINUE:
            return say("continue");
        default:
            return say("[verdict]");
        }
    }

    void counter(const nftnl_expr*) { say("counter"); }

    void objref(const nftnl_expr* expr) {
        if (!nftnl_expr_is_set(expr, NFTNL_EXPR_OBJREF_IMM_NAME)) {
            return say("[objref]");
        }
        say(fmt::format("{} name \"{}\"",
                        object_word(nftnl_expr_get_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE)),
                        text_of(expr, NFTNL_EXPR_OBJREF_IMM_NAME)));
    }

    void limit(const nftnl_expr* expr) {
        const std::uint64_t unit = nftnl_expr_get_u64(expr, NFTNL_EXPR_LIMIT_UNIT);
        const char* const every = unit == 1       ? "second"
                                  : unit == 60    ? "minute"
                                  : unit == 3600  ? "hour"
                                  : unit == 86400 ? "day"
                                                  : "week";
        const bool over = (nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_FLAGS) & NFT_LIMIT_F_INV) != 0;
        const bool bytes = nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_TYPE) == NFT_LIMIT_PKT_BYTES;
        std::string text = fmt::format("limit rate {}{}{}/{}", over ? "over " : "",
                                       nftnl_expr_get_u64(expr, NFTNL_EXPR_LIMIT_RATE),
                                       bytes ? " bytes" : "", every);
        const std::uint32_t burst = nftnl_expr_get_u32(expr, NFTNL_EXPR_LIMIT_BURST);
        if (!bytes && burst != kLogBurst) {  // nft does not say its default.
            text += fmt::format(" burst {} packets", burst);
        }
        say(std::move(text));
    }

    void quota(const nftnl_expr* expr) {
        const bool over = (nftnl_expr_get_u32(expr, NFTNL_EXPR_QUOTA_FLAGS) & NFT_QUOTA_F_INV) != 0;
        say(fmt::format("quota {}{} bytes", over ? "over " : "",
                        nftnl_expr_get_u64(expr, NFTNL_EXPR_QUOTA_BYTES)));
    }

    void log(const nftnl_expr* expr) {
        const std::string prefix = text_of(expr, NFTNL_EXPR_LOG_PREFIX);
        std::string text = "log";
        if (!prefix.empty()) {
            text += fmt::format(" prefix \"{}\"", prefix);
        }
        if (nftnl_expr_is_set(expr, NFTNL_EXPR_LOG_GROUP)) {
            text += fmt::format(" group {}", nftnl_expr_get_u16(expr, NFTNL_EXPR_LOG_GROUP));
        }
        if (const auto bytes = nftnl_expr_get_u32(expr, NFTNL_EXPR_LOG_SNAPLEN); bytes != 0) {
            text += fmt::format(" snaplen {}", bytes);
        }
        say(std::move(text));
    }

    void reject(const nftnl_expr* expr) {
        const bool reset = nftnl_expr_get_u32(expr, NFTNL_EXPR_REJECT_TYPE) == NFT_REJECT_TCP_RST;
        const bool prohibited =
            nftnl_expr_get_u32(expr, NFTNL_EXPR_REJECT_TYPE) == NFT_REJECT_ICMPX_UNREACH &&
            nftnl_expr_get_u8(expr, NFTNL_EXPR_REJECT_CODE) == NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
        say(reset        ? "reject with tcp reset"
            : prohibited ? "reject with icmpx admin-prohibited"
                         : "reject");
    }

    void masquerade(const nftnl_expr*) { say("masquerade"); }

    void nat(const nftnl_expr* expr) {
        const bool source = nftnl_expr_get_u32(expr, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_SNAT;
        const std::string to =
            nftnl_expr_is_set(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN)
                ? take(nftnl_expr_get_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN)).text
                : "[ports]";
        say(fmt::format("{} to {}", source ? "snat" : "dnat", to));
    }

    void redirect(const nftnl_expr* expr) {
        say(nftnl_expr_is_set(expr, NFTNL_EXPR_REDIR_REG_PROTO_MIN) ? "redirect to [ports]"
                                                                    : "redirect");
    }

    std::vector<std::string> words_;
    std::map<std::uint32_t, Operand> loaded_;  ///< By 32-bit register.
    std::optional<std::string> family_words_;
    std::optional<std::string> protocol_words_;
    std::uint8_t family_ = 0;    ///< NFPROTO_*, once the rule has asked for it.
    std::uint8_t protocol_ = 0;  ///< IPPROTO_*, likewise.
};

}  // namespace

std::string expressions_in(const nlmsghdr* message) {
    std::string found;
    for_each_attribute(message, [&](const nlattr* attr) {
        if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS) {
            found.assign(static_cast<const char*>(mnl_attr_get_payload(attr)),
                         mnl_attr_get_payload_len(attr));
        }
    });
    return found;
}

std::string decode(const nftnl_rule* rule) {
    Decoder decoder;
    auto* const iter = nftnl_expr_iter_create(rule);
    while (const nftnl_expr* const expr = nftnl_expr_iter_next(iter)) {
        decoder.add(expr);
    }
    nftnl_expr_iter_destroy(iter);
    return decoder.finish();
}

std::string decode(const std::string& expressions) {
    constexpr std::size_t kHeaders = 64;  // Of the message, nfnetlink and the attribute.
    std::vector<char> buffer(expressions.size() + kHeaders);
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg));
    mnl_attr_put(message, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, expressions.size(),
                 expressions.data());
    const NftRule rule{nftnl_rule_alloc()};
    return rule && nftnl_rule_nlmsg_parse(message, rule.get()) >= 0 ? decode(rule.get())
                                                                    : "[unreadable rule]";
}

}  // namespace ks
