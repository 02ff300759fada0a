// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/paths.hpp"

#include <string>

#include <sys/types.h>

namespace ks {

/// The one line of `runtime_dir`/state, for bars and prompts: the headline and, in brackets, the
/// process that keeps it true. Where that process has gone nobody does.
///
/// \param keeper  0: nobody, as after a command without the service.
[[nodiscard]] std::string state_line(const Judgement& judgement, pid_t keeper);

/// Replaces the file, which everybody may read.
[[nodiscard]] Status write_state_line(const Paths& paths, const std::string& line);

/// The line of a machine whose service does not run: looks at it.
[[nodiscard]] std::string state_line_without_service(const Paths& paths);

/// Writes that line, unless a service runs and keeps its own. One that cannot be written is no
/// reason to fail: then there is none.
void note_state_without_service(const Paths& paths);

}  // namespace ks
