// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe.hpp"

#include "base_chain.hpp"
#include "batch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"
#include "read.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

namespace ks {

namespace {

/// What kernels answer that lack the family, the hook, the expression or a module. Anything else,
/// such as a lack of memory or of rights, says nothing about them.
bool says_unknown(const Error& error) {
    constexpr std::array<int, 4> kUnknown{EOPNOTSUPP, EAFNOSUPPORT, EINVAL, ENOENT};
    return std::ranges::find(kUnknown, error.sys_errno) != kUnknown.end();
}

/// Has the kernel check a chain at `device`, which jumps to another.
Status rehearse_chain_at(NftSocket& socket, const Device& device) {
    const Chain target{"target", std::nullopt, {}, Device{}};
    const Chain wanted{"probe", Hook::egress, {{{}, {}, Verdict::jump, target.name, {}}}, device};
    for (int attempt = 0;; ++attempt) {
        const auto generation = read_generation(socket);
        const NftChain chain = make_chain(wanted);
        const NftChain other = make_chain(target);
        if (!generation || !chain || !other) {
            return Error{"cannot ask", ENOMEM};
        }
        Batch batch(socket, *generation, kProbeTable);
        batch.select(TableFamily::netdev);
        batch.create_table(0);
        batch.create(chain.get(), wanted);
        batch.create(other.get(), target);
        if (is_veiled(wanted)) {
            batch.append_veiled_jump(wanted.name, wanted.rules.front().target);
        }
        auto done = batch.rehearse();
        if (done || !overtaken(done.error()) || attempt == kAttempts) {
            return done;
        }
    }
}

}  // namespace

RawSupport probe_egress(NftSocket& socket) {
    if (readers_of_every_device() != Readers::hang && rehearse_chain_at(socket, Device{})) {
        return RawSupport::every_device;
    }
    const Status one = rehearse_chain_at(socket, Device{"lo"});
    return !one && says_unknown(one.error()) ? RawSupport::kernel_cannot : RawSupport::kernel_can;
}

LogSupport probe_log(NftSocket& socket) {
    const auto generation = read_generation(socket);
    const NftChain chain = make_chain({"probe", std::nullopt, {}});
    const Rule copying{{}, {}, Verdict::next, {}, {}, Carry::none, LogCopy{"probe", {}}};
    const NftRule rule = make_rule("probe", copying, TableFamily::inet);
    if (!generation || !chain || !rule) {
        return LogSupport::kernel_can;
    }
    Batch batch(socket, *generation, kProbeTable);
    batch.create_table(0);
    batch.create(chain.get(), {"probe", std::nullopt, {}});
    batch.append(rule.get(), "probe");
    const Status rehearsed = batch.rehearse();
    return !rehearsed && says_unknown(rehearsed.error()) ? LogSupport::kernel_cannot
                                                         : LogSupport::kernel_can;
}

}  // namespace ks
