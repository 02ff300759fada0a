// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence_files.hpp"

#include "evidence.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/printable.hpp"
#include "killswitchd/sha256.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ks::proof {

namespace {

using nlohmann::json;

constexpr int kSchema = 1;
constexpr const char* kManifest = "manifest.json";
constexpr std::size_t kMaxManifest = std::size_t{1} << 20;
constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::size_t kMaxTotal = std::size_t{1} << 30;
constexpr std::size_t kMostFiles = 100;

/// A name that stays in its directory and on one line.
bool is_plain(std::string_view name) {
    constexpr std::string_view kKnown = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    return !name.empty() && name.size() <= 64 && name.front() != '.' &&
           name.find_first_not_of(kKnown) == std::string_view::npos;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    // Without waiting: it may be a pipe that nobody writes to.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) {
        return Error{fmt::format("cannot read {}", in_quotes(path)), errno};
    }
    if (!S_ISREG(about.st_mode)) {
        return Error{fmt::format("{} is no regular file", in_quotes(path))};
    }
    const auto size = static_cast<std::size_t>(about.st_size);
    if (size > limit) {
        return Error{fmt::format("{} is larger than {} bytes", in_quotes(path), limit)};
    }
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto got = ::read(fd.get(), text.data() + have, size - have);
        if (got <= 0) {
            return Error{fmt::format("cannot read {}", in_quotes(path)), got < 0 ? errno : EIO};
        }
        have += static_cast<std::size_t>(got);
    }
    return text;
}

std::string path_in(const std::string& directory, const std::string& name) {
    return fmt::format("{}/{}", directory, name);
}

Result<std::string> read_listed(const std::string& directory, const json& item) {
    const std::string name = item["name"].get<std::string>();
    auto text = read_file(path_in(directory, name), kMaxFile);
    if (text && sha256(*text) != item["sha256"].get<std::string>()) {
        return Error{
            fmt::format("{} is not the file that the manifest names: its hash differs", name)};
    }
    return text;
}

bool is_item(const json& item) {
    const auto is_text = [&](const char* key) {
        const auto found = item.find(key);
        return found != item.end() && found->is_string();
    };
    return item.is_object() && is_text("name") && is_text("sha256") &&
           is_plain(item["name"].get<std::string>());
}

}  // namespace

Status begin_evidence(const std::string& directory) {
    if (auto made = ensure_directory(directory); !made) {
        return made;
    }
    std::error_code failed;
    if (!std::filesystem::is_empty(directory, failed)) {
        return Error{fmt::format("{} is not an empty directory", in_quotes(directory)),
                     failed ? failed.value() : ENOTEMPTY};
    }
    return Done{};
}

Status write_evidence_file(const std::string& directory, const std::string& name,
                           std::string_view text) {
    return write_file_atomically(path_in(directory, name), text, Readers::all);
}

Status write_manifest(const std::string& directory, const std::vector<std::string>& names) {
    json files = json::array();
    for (const std::string& name : names) {
        auto text = read_file(path_in(directory, name), kMaxFile);
        if (!text) {
            return std::move(text).error();
        }
        files.push_back({{"name", name}, {"bytes", text->size()}, {"sha256", sha256(*text)}});
    }
    const json manifest{{"schema", kSchema}, {"files", std::move(files)}};
    return write_evidence_file(directory, kManifest, manifest.dump(1) + "\n");
}

Result<std::map<std::string, std::string>> read_manifest_files(const std::string& directory) {
    auto text = read_file(path_in(directory, kManifest), kMaxManifest);
    if (!text) {
        return std::move(text).error();
    }
    const json manifest = json::parse(*text, nullptr, /*allow_exceptions=*/false);
    const auto list = manifest.is_object() ? manifest.find("files") : manifest.end();
    if (!manifest.is_object() || list == manifest.end() || !list->is_array() ||
        list->size() > kMostFiles || !std::ranges::all_of(*list, is_item)) {
        return Error{fmt::format("{} is not as this program writes it", kManifest)};
    }
    std::map<std::string, std::string> files;
    std::size_t total = 0;
    for (const json& item : *list) {
        auto content = read_listed(directory, item);
        if (!content) {
            return std::move(content).error();
        }
        total += content->size();
        if (total > kMaxTotal) {
            return Error{"there is more in it than this program writes"};
        }
        files.insert_or_assign(item["name"].get<std::string>(), *std::move(content));
    }
    return files;
}

}  // namespace ks::proof
