// SPDX-License-Identifier: GPL-2.0-or-later
#include "without_config.hpp"

#include "engine.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/policy.hpp"
#include "open_nftables.hpp"
#include "retry.hpp"

#include <utility>

namespace ks {

namespace {

/// Whether rules were loaded; without that, rules stood already.
Result<bool> ensure_rules() {
    auto nftables = open_nftables(Ownership::automatic);
    if (!nftables) {
        return std::move(nftables).error();
    }
    const auto tables = nftables->read();
    if (!tables) {
        return tables.error();
    }
    const bool stands = drops_by_default(*tables);
    if (!stands) {
        if (auto applied = nftables->apply(builtin_lock()); !applied) {
            return std::move(applied).error();
        }
    }
    if (auto left = nftables->leave(builtin_lock()); !left) {
        return std::move(left).error();
    }
    return !stands;
}

/// A disarm needs no config. Also for a table that only the service can remove.
void release() {
    const auto removed = with_retries([] {
        auto nftables = open_nftables(Ownership::automatic);
        return nftables ? nftables->remove() : Status(nftables.error());
    });
    log(removed ? Severity::warning : Severity::error, "config-invalid",
        removed ? "the machine is disarmed and stays open"
                : "disarmed, but the rules stay: " + removed.error().message());
}

}  // namespace

void lock_without_config(const Intents& intents) {
    if (intents.disarmed && !intents.panic) {
        release();
        return;
    }
    const auto loaded = with_retries(ensure_rules);
    if (!loaded) {
        log(Severity::error, "lock-failed",
            loaded.error().message() + "; nothing protects this machine");
    } else if (*loaded) {
        log(Severity::error, "builtin-lock",
            "the config cannot be used: only loopback and DHCP pass; repair it, or run `killswitchd disarm`");
    } else {
        log(Severity::error, "config-invalid", "the rules in the kernel stay as they are");
    }
}

}  // namespace ks
