// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Hears when some files may have changed, also by a rename over them, and by directories and links
/// that appear. Source: inotify(7); it reports renames in the directory of a file.
class FileWatch {
  public:
    FileWatch() = default;  ///< Of no file.
    /// Never fails: without inotify nothing is heard, and problem() says why.
    [[nodiscard]] static FileWatch open(std::vector<std::string> paths);

    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }  ///< -1: nothing to watch.
    /// Takes what is queued. The files are to be read after it, or a change in between is missed.
    void drain();
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return problem_; }

  private:
    void watch();
    void watch_directory(const std::string& path);
    [[nodiscard]] bool add(const std::string& directory) const;

    std::vector<std::string> paths_;
    Fd inotify_;
    std::optional<Error> problem_;
};

}  // namespace ks
