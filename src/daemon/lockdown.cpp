// SPDX-License-Identifier: GPL-2.0-or-later
#include "lockdown.hpp"

#include "engine.hpp"
#include "killswitchd/log.hpp"
#include "killswitchd/nftables.hpp"

namespace ks {

namespace {

/// Whether rules were loaded; without that, rules stood already.
Result<bool> ensure_rules() {
    auto nftables = Nftables::open(Ownership::automatic);
    if (!nftables) {
        return std::move(nftables).error();
    }
    const auto live = nftables->read();
    if (!live) {
        return live.error();
    }
    if (drops_by_default(*live)) {
        return false;
    }
    if (auto applied = nftables->apply(builtin_lock()); !applied) {
        return std::move(applied).error();
    }
    return true;
}

}  // namespace

void hold_without_config(const Intents& intents) {
    if (intents.disarmed && !intents.panic) {
        log(Severity::warning, "config-invalid", "the machine is disarmed and stays open");
        return;
    }
    const auto loaded = ensure_rules();
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
