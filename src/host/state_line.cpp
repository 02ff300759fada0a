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

}  // namespace

std::string state_line(const Judgement& judgement, pid_t keeper) {
    return keeper == 0 ? fmt::format("{}\n", escaped(headline(judgement)))
                       : fmt::format("{} [{}]\n", escaped(headline(judgement)), keeper);
}

Status write_state_line(const Paths& paths, const std::string& line) {
    return write_file_atomically(path_of(paths), line, Readers::all);
}

std::string state_line_without_service(const Paths& paths) {
    const World world = observe(paths);
    auto nftables = Nftables::open(Ownership::off);
    const KernelView view =
        nftables ? look(*nftables) : KernelView{Result<ObservedTables>(nftables.error()), false};
    Observed observed = compare(world.state, view);
    observed.broken_config = what_is_broken(world.config);
    return state_line(judge(world.state, observed), 0);
}

void note_state_without_service(const Paths& paths) {
    if (ServiceLock::is_taken(paths.runtime_dir)) {
        return;
    }
    const bool written = ensure_directory(paths.runtime_dir) &&
                         write_state_line(paths, state_line_without_service(paths));
    if (!written) {  // An old line would be a lie.
        static_cast<void>(remove_file(path_of(paths)));
    }
}

}  // namespace ks
