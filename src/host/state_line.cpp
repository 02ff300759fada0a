// SPDX-License-Identifier: GPL-2.0-or-later
#include "state_line.hpp"

#include "killswitchd/escape.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/nftables.hpp"
#include "observe.hpp"
#include "service_lock.hpp"

#include <string>

#include <fmt/format.h>

namespace ks {

namespace {

std::string path_of(const Paths& paths) {
    return paths.runtime_dir + "/state";
}

/// Order: the others go first, so that systemd never sees two.
Status write_mark(const Paths& paths, Mark mark) {
    const auto path = [&](Mark of) { return fmt::format("{}/is-{}", paths.runtime_dir, word(of)); };
    for (const Mark other : {Mark::locked, Mark::protected_, Mark::unguarded}) {
        if (other == mark) {
            continue;
        }
        if (auto removed = remove_file(path(other)); !removed) {
            return removed;
        }
    }
    return write_file_atomically(path(mark), "", Readers::all);
}

Judgement judgement_without_service(const Paths& paths) {
    const World world = observe(paths);
    auto nftables = Nftables::open(Ownership::off);
    const KernelView view = nftables ? look(*nftables, world.state.wanted)
                                     : KernelView{Result<ObservedTables>(nftables.error()), false};
    Observed observed = compare(world.state, view);
    observed.broken_config = what_is_broken(world.config);
    return judge(world.state, observed);
}

}  // namespace

std::string state_line(const Judgement& judgement, pid_t keeper) {
    return keeper == 0 ? fmt::format("{}\n", escaped(headline(judgement)))
                       : fmt::format("{} [{}]\n", escaped(headline(judgement)), keeper);
}

std::string_view word(Mark mark) noexcept {
    switch (mark) {
    case Mark::locked:
        return "locked";
    case Mark::protected_:
        return "protected";
    case Mark::unguarded:
        break;
    }
    return "unguarded";
}

Mark mark_of(const Judgement& judgement, pid_t keeper) {
    if (keeper == 0 || !judgement.verified) {
        return Mark::unguarded;
    }
    if (judgement.state == word(StateName::protected_)) {
        return Mark::protected_;
    }
    const bool shut =
        judgement.state == word(StateName::locked) || judgement.state == word(StateName::panic);
    return shut ? Mark::locked : Mark::unguarded;
}

Status write_state(const Paths& paths, const Judgement& judgement, pid_t keeper) {
    const Status marked = write_mark(paths, mark_of(judgement, keeper));
    Status written =
        write_file_atomically(path_of(paths), state_line(judgement, keeper), Readers::all);
    return marked ? written : marked;
}

Status write_state_without_service(const Paths& paths) {
    return write_state(paths, judgement_without_service(paths), 0);
}

void note_state_without_service(const Paths& paths) {
    if (ServiceLock::is_taken(paths.runtime_dir)) {
        return;
    }
    const bool written = ensure_directory(paths.runtime_dir) && write_state_without_service(paths);
    if (!written) {  // An old line would be a lie.
        static_cast<void>(remove_file(path_of(paths)));
    }
}

}  // namespace ks
